import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { delimiter, isAbsolute, resolve } from 'node:path';
import { EnginesmithFailure } from '../../contracts/failures.js';

const SCRIPT = /\.(py|sh|mjs)$/;

const WHAT_TO_SET =
  'Point ENGINESMITH_TOOLCHAIN_ROOT at a whole toolchain where the worker starts; its toolchain.json may add to PATH.';

interface SearchOptions {
  environment: Readonly<Record<string, string | undefined>>;
  workingDirectory: string;
}

/** Where a program is: by its path, or on the environment's PATH. @returns its absolute path; undefined when there is none */
export async function findProgram(
  program: string,
  { environment, workingDirectory }: SearchOptions,
): Promise<string | undefined> {
  const directories = program.includes('/') ? [''] : (environment.PATH ?? '').split(delimiter);
  for (const directory of directories) {
    const path = resolve(workingDirectory, directory, program);
    if (await isProgram(path)) return path;
  }
  return undefined;
}

/**
 * Makes sure that a program can be started, before a run is created for it.
 * @throws EnginesmithFailure ToolMissing
 */
export async function requireProgram(program: string, options: SearchOptions): Promise<void> {
  if ((await findProgram(program, options)) !== undefined) return;
  const searchPath = options.environment.PATH ?? '';
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
