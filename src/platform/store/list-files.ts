import { lstat, readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import pLimit from 'p-limit';

/** A file as the file system describes it; big integers as strings, so that it can be kept as JSON. */
export interface ListedFile {
  /** Relative, with forward slashes. */
  path: string;
  bytes: number;
  mtimeNs: string;
  inode: string;
}

export interface Listing {
  /** Sorted by path, by code unit. */
  files: ListedFile[];
  /** Relative paths of the directories inside. */
  directories: string[];
  /**
   * Relative paths of symbolic links and special files. No artifact may hold one: what a link points at is not part of
   * the directory, so its content could change after it was digested.
   */
  irregular: string[];
}

/** Lists a directory and all below it; follows no link. */
export async function listFiles(root: string): Promise<Listing> {
  if ((await lstat(root)).isSymbolicLink()) return { files: [], directories: [], irregular: ['.'] };
  const limit = pLimit(16);
  const entries = (await readdir(root, { recursive: true, withFileTypes: true })).map((entry) => ({
    path: relative(root, join(entry.parentPath, entry.name)),
    type: entry.isFile() ? 'file' : entry.isDirectory() ? 'directory' : 'irregular',
  }));
  const pathsOf = (type: string) => entries.filter((entry) => entry.type === type).map(({ path }) => path);
  const files = await Promise.all(pathsOf('file').map((path) => limit(() => describeFile(root, path))));
  return {
    files: files.sort((left, right) => (left.path < right.path ? -1 : 1)),
    directories: pathsOf('directory'),
    irregular: pathsOf('irregular'),
  };
}

/** Whether two listings hold the same, unchanged files. */
export function sameFiles(left: readonly ListedFile[], right: readonly ListedFile[]): boolean {
  return (
    left.length === right.length &&
    left.every((file, index) => {
      const other = right[index];
      return (
        file.path === other?.path &&
        file.bytes === other.bytes &&
        file.mtimeNs === other.mtimeNs &&
        file.inode === other.inode
      );
    })
  );
}

async function describeFile(root: string, path: string): Promise<ListedFile> {
  const { size, mtimeNs, ino } = await lstat(join(root, path), { bigint: true });
  return { path, bytes: Number(size), mtimeNs: String(mtimeNs), inode: String(ino) };
}
