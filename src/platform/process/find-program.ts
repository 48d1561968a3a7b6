import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { delimiter, isAbsolute, resolve } from 'node:path';
import { EnginesmithFailure } from '../../contracts/failures.js';

const SCRIPT = /\.(py|sh|mjs)$/;

const WHAT_TO_SET =
  'Point ENGINESMITH_TOOLCHAIN_ROOT at a whole toolchain where the worker starts; its toolchain.json may add to PATH.';

/**
 * Makes sure that a program can be started, before a run is created for it: by its path, or on the environment's PATH.
 * @throws EnginesmithFailure ToolMissing
 */
export async function requireProgram(
  program: string,
  { environment, workingDirectory }: { environment: Readonly<Record<string, string>>; workingDirectory: string },
): Promise<void> {
  const searchPath = environment.PATH ?? '';
  const directories = program.includes('/') ? [''] : searchPath.split(delimiter);
  for (const directory of directories) {
    if (await isProgram(resolve(workingDirectory, directory, program))) return;
  }
  throw new EnginesmithFailure(
    'ToolMissing',
    `${program} is not an executable file${program.includes('/') ? '' : ` in any directory of PATH (${searchPath})`}. ${WHAT_TO_SET}`,
    { context: { program } },
  );
}

/**
 * Makes sure, after an interpreter has failed, that the script was there which it was to run: a script that is missing is
 * no fault of the tool's, and comes back with no attempt.
 * @throws EnginesmithFailure ToolMissing
 */
export async function requireScript([, script]: readonly string[]): Promise<void> {
  if (script === undefined || !isAbsolute(script) || !SCRIPT.test(script)) return;
  const isThere = await stat(script).then(
    (found) => found.isFile(),
    () => false,
  );
  if (isThere) return;
  throw new EnginesmithFailure('ToolMissing', `${script} is not there. ${WHAT_TO_SET}`, { context: { script } });
}

async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
