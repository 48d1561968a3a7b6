import { randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { EnginesmithFailure } from '../contracts/failures.js';

const isMissing = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ENOENT';

async function contentOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

const taken = (paths: readonly string[], directory: string): EnginesmithFailure =>
  new EnginesmithFailure(
    'InvalidSpec',
    `${directory} has ${paths.map((path) => basename(path)).join(', ')} already, with other content, and nothing is written; remove what you do not need, or name another directory with --output`,
    { context: { directory } },
  );

/**
 * Writes new files, each of them whole or not at all. What is there with the same content stays; what is there with other
 * content stays too, and then none is written.
 * @param files content by name
 * @returns paths, in the order of the names
 * @throws EnginesmithFailure `InvalidSpec` where a file would be overwritten, or the directory cannot be written to
 */
export async function writeNewFiles(directory: string, files: ReadonlyMap<string, string>): Promise<string[]> {
  try {
    await mkdir(directory, { recursive: true });
    const present = new Map<string, string | undefined>();
    for (const name of files.keys()) present.set(name, await contentOf(join(directory, name)));
    const different = [...files].filter(([name, content]) => (present.get(name) ?? content) !== content);
    if (different.length > 0) {
      throw taken(
        different.map(([name]) => name),
        directory,
      );
    }
    for (const [name, content] of files) if (present.get(name) === undefined) await writeNew(directory, name, content);
  } catch (error) {
    if (error instanceof EnginesmithFailure) throw error;
    const reason = error instanceof Error ? error.message : `${error}`;
    throw new EnginesmithFailure(
      'InvalidSpec',
      `${directory} cannot be written to: ${reason}; name another one with --output`,
      {
        cause: error,
        context: { directory },
      },
    );
  }
  return [...files.keys()].map((name) => join(directory, name));
}

/** A link fails where a file has that name by now; a rename would replace it. */
async function writeNew(directory: string, name: string, content: string): Promise<void> {
  const temporary = join(directory, `.${name}.${randomUUID()}`);
  try {
    await writeFile(temporary, content, { flag: 'wx' });
    await link(temporary, join(directory, name));
  } finally {
    await rm(temporary, { force: true });
  }
}
