import { cp, link, lstat, mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { hasCode, ifPresent } from '../durable-files.js';
import { filesDirectoryName } from './layout.js';
import { isAbandoned, newStagingName } from './staging-owner.js';

/** A private folder of one attempt, on the store's file system. Whatever it holds goes when it is discarded or swept. */
export interface StagingFolder {
  /** Becomes the artifact's directory. */
  artifact: string;
  /** Where the attempt's output is written; inside `artifact`. */
  files: string;
  /** For all else that is written whole before it is renamed into place. */
  scratch: string;
  discard(): Promise<void>;
}

/**
 * @param from an existing directory whose files are in `files` as well, by hard links, or copied where there can be none. It
 *   stays as it is: after a crash, the next attempt finds what took hours to make where it was made
 */
export async function createStagingFolder(stagingDirectory: string, from?: string): Promise<StagingFolder> {
  const folder = join(stagingDirectory, newStagingName());
  const artifact = join(folder, 'artifact');
  const files = join(artifact, filesDirectoryName);
  const scratch = join(folder, 'scratch');
  const discard = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    await mkdir(artifact, { recursive: true });
    await mkdir(scratch);
    if (from === undefined) await mkdir(files);
    else await linkOrCopy(from, files);
  } catch (failure) {
    // A copy that filled the disk would keep it full as long as this process lives.
    await discard();
    throw failure;
  }
  return { artifact, files, scratch, discard };
}

/** Removes the folders of attempts that are gone. @returns their names */
export async function sweepStagingFolders(stagingDirectory: string): Promise<string[]> {
  const names = (await ifPresent(() => readdir(stagingDirectory))) ?? [];
  const swept = [];
  for (const name of names) {
    const folder = join(stagingDirectory, name);
    // Another worker may sweep, or its owner discard, at the same moment.
    const status = await ifPresent(() => stat(folder));
    if (status === undefined || !isAbandoned({ name, modifiedAtMs: status.mtimeMs })) continue;
    await rm(folder, { recursive: true, force: true });
    swept.push(name);
  }
  return swept;
}

async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await linkTree(from, to);
  } catch (error) {
    // Another file system, one without hard links, or files of a tool that ran as another user.
    if (!hasCode(error, 'EXDEV', 'EPERM', 'ENOTSUP', 'EMLINK')) throw error;
    await rm(to, { recursive: true, force: true });
    await cp(from, to, { recursive: true, verbatimSymlinks: true });
  }
}

async function linkTree(from: string, to: string): Promise<void> {
  if (!(await lstat(from)).isDirectory()) return link(from, to);
  await mkdir(to);
  for (const name of await readdir(from)) await linkTree(join(from, name), join(to, name));
}
