import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { delimiter, resolve } from 'node:path';
import { EnginesmithFailure } from '../../contracts/failures.js';

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
    `${program} is not an executable file${program.includes('/') ? '' : ` in any directory of PATH (${searchPath})`}. Check the toolchain's root in the worker's configuration.`,
    { context: { program } },
  );
}

async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
