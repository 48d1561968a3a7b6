import { createHash } from 'node:crypto';
import type { MirrorFile, Snapshot } from './mirror-tree.js';

/** An entry of `tree` and `paths-info`, in the Hub's own field names. */
export interface TreeEntry {
  type: 'file' | 'directory';
  path: string;
  size: number;
  oid: string;
  lfs?: { oid: string; size: number; pointerSize: number };
  lastCommit?: { id: string; title: string; date: string };
}

const modifiedAt = ({ mtimeNs }: MirrorFile): string => new Date(Number(BigInt(mtimeNs) / 1_000_000n)).toISOString();

/** When the newest file of a snapshot was written, as the Hub writes dates. */
export const lastModified = ({ files }: Snapshot): string =>
  [...files.values()].map(modifiedAt).sort().at(-1) ?? new Date(0).toISOString();

/** Everything in a snapshot by path, directories included; sorted. */
export function listEntries(snapshot: Snapshot, { expand }: { expand: boolean }): TreeEntry[] {
  const directories = new Map<string, MirrorFile[]>();
  for (const file of snapshot.files.values()) {
    const segments = file.path.split('/');
    for (let depth = 1; depth < segments.length; depth++) {
      const path = segments.slice(0, depth).join('/');
      directories.set(path, [...(directories.get(path) ?? []), file]);
    }
  }
  const entries = [
    ...[...directories].map(([path, files]) => directoryEntry(path, files)),
    ...[...snapshot.files.values()].map(fileEntry),
  ].sort((left, right) => (left.path < right.path ? -1 : 1));
  if (!expand) return entries;
  const lastCommit = { id: snapshot.commit, title: 'Mirrored', date: lastModified(snapshot) };
  return entries.map((entry) => ({ ...entry, lastCommit }));
}

function fileEntry({ path, bytes, identity: { gitOid, lfs } }: MirrorFile): TreeEntry {
  const entry: TreeEntry = { type: 'file', path, size: bytes, oid: gitOid };
  if (lfs === undefined) return entry;
  return { ...entry, lfs: { oid: lfs.sha256, size: bytes, pointerSize: lfs.pointerBytes } };
}

function directoryEntry(path: string, files: readonly MirrorFile[]): TreeEntry {
  const hash = createHash('sha1');
  for (const file of files) hash.update(`${file.path}\0${file.identity.gitOid}\n`);
  return { type: 'directory', path, size: 0, oid: hash.digest('hex') };
}

/** Entries below a directory: all of them, or those right in it. */
export function entriesBelow(entries: readonly TreeEntry[], directory: string, recursive: boolean): TreeEntry[] {
  const prefix = directory === '' ? '' : `${directory}/`;
  return entries.filter(
    ({ path }) => path.startsWith(prefix) && (recursive || !path.slice(prefix.length).includes('/')),
  );
}

/** One page of entries, and the cursor of the next. */
export function pageOf(
  entries: readonly TreeEntry[],
  cursor: string | null,
  limit: number,
): { page: TreeEntry[]; next?: string } {
  const rest = cursor === null ? entries : entries.filter(({ path }) => path > cursor);
  const page = rest.slice(0, limit);
  const last = page.at(-1);
  return rest.length > page.length && last !== undefined ? { page, next: last.path } : { page };
}
