import { posix } from 'node:path';

/**
 * A path as one name for what it names: normalised, and from the working directory on.
 * @returns null where the directory or the path is unknown
 */
export function resolvePath(path: string | null, directory: string | null): string | null {
  if (path === null || path === '') return null;
  const isAnchored = path.startsWith('/') || path.startsWith('~');
  if (!isAnchored && directory === null) return null;
  const normal = posix.normalize(isAnchored ? path : posix.join(directory ?? '', path));
  return normal.length > 1 && normal.endsWith('/') ? normal.slice(0, -1) : normal;
}
