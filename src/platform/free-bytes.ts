import { statfs } from 'node:fs/promises';

/** Bytes that an unprivileged process can still write to the file system of a directory that exists. */
export async function freeBytesOf(directory: string): Promise<number> {
  const { bavail, bsize } = await statfs(directory);
  return bavail * bsize;
}
