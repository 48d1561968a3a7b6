import { link, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Flushes a file or a directory: without the directory, a crash of the host may lose a finished rename. */
export async function synchronize(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Writes a new file and flushes it. @throws EEXIST when it exists */
export async function writeDurably(path: string, content: string): Promise<void> {
  const handle = await open(path, 'wx', 0o444);
  try {
    await handle.writeFile(content);
    await handle.sync();
  } catch (error) {
    // Half a file is in the way of others: what a full disk did not take is not left behind.
    await rm(path, { force: true });
    throw error;
  } finally {
    await handle.close();
  }
}

/** Writes over what an existing file has, which takes no new room where its size suffices, and flushes it. */
export async function overwriteDurably(path: string, content: string): Promise<void> {
  const handle = await open(path, 'r+');
  try {
    const { bytesWritten } = await handle.write(content, 0);
    await handle.truncate(bytesWritten);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** mkdir -p whose new entries survive a crash. */
export async function makeDirectoryDurably(path: string): Promise<void> {
  const topmost = await makeDirectory(path);
  if (topmost === undefined) return;
  for (let made = path; made.length >= topmost.length; made = dirname(made)) await synchronize(dirname(made));
}

/** Somebody who removes an empty directory between two looks of `mkdir` makes it fail with ENOENT: it was there, and is not. */
async function makeDirectory(path: string): Promise<string | undefined> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await mkdir(path, { recursive: true });
    } catch (error) {
      if (!hasCode(error, 'ENOENT') || attempt === 10) throw error;
    }
  }
}

/**
 * Renames a directory to its final name, durably.
 * @returns false when a directory that is not empty has that name already; nothing is changed then
 */
export async function publishDirectory(from: string, to: string): Promise<boolean> {
  await makeDirectoryDurably(dirname(to));
  const renamed = await unlessExists(() => rename(from, to));
  if (renamed) await synchronize(dirname(to));
  return renamed;
}

/**
 * Gives a finished file its final name as well, durably.
 * @returns false when another file has that name already; nothing is changed then
 */
export async function publishFile(from: string, to: string): Promise<boolean> {
  await makeDirectoryDurably(dirname(to));
  const linked = await unlessExists(() => link(from, to));
  if (linked) await synchronize(dirname(to));
  return linked;
}

/** Renames a finished file over whatever has that name, durably. */
export async function replaceFile(from: string, to: string): Promise<void> {
  await makeDirectoryDurably(dirname(to));
  await rename(from, to);
  await synchronize(dirname(to));
}

/** @returns undefined when there is no such file */
export async function readIfPresent(path: string): Promise<string | undefined> {
  return ifPresent(() => readFile(path, 'utf8'));
}

/** Runs a file operation; @returns undefined when what it works on does not exist */
export async function ifPresent<Result>(operation: () => Promise<Result>): Promise<Result | undefined> {
  try {
    return await operation();
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** Runs a file operation; @returns false when what it works on does not exist */
export async function unlessMissing(operation: () => Promise<unknown>): Promise<boolean> {
  return (await ifPresent(async () => [await operation()])) !== undefined;
}

/** Whether an error is a system error of one of these codes. */
export function hasCode(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && 'code' in error && codes.some((code) => error.code === code);
}

async function unlessExists(operation: () => Promise<void>): Promise<boolean> {
  try {
    await operation();
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST', 'ENOTEMPTY')) return false;
    throw error;
  }
}
