import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ifPresent } from './durable-files.js';

/** When something in a directory, or it itself, changed last, in milliseconds since 1970; 0 where there is none. */
export async function newestChangeMs(directory: string): Promise<number> {
  const names = await ifPresent(() => readdir(directory, { recursive: true }));
  const paths = [directory, ...(names ?? []).map((name) => join(directory, name))];
  const times = await Promise.all(paths.map((path) => ifPresent(() => stat(path))));
  return Math.max(...times.map((status) => status?.mtimeMs ?? 0));
}
