import { posix } from 'node:path';

/** Of a path on Linux. A script that walks deeper is none. */
const MAXIMUM_PATH = 4096;

/**
 * A path as one name for what it names: normalised, and from the working directory on.
 * @returns null where the directory or the path is unknown
 */
export function resolvePath(path: string | null, directory: string | null): string | null {
  if (path === null || path === '' || path.length > MAXIMUM_PATH) return null;
  const isAnchored = path.startsWith('/') || path.startsWith('~');
  if (!isAnchored && directory === null) return null;
  const normal = posix.normalize(isAnchored ? path : posix.join(directory ?? '', path));
  if (normal.length > MAXIMUM_PATH) return null;
  return normal.length > 1 && normal.endsWith('/') ? normal.slice(0, -1) : normal;
}
