import * as z from 'zod';
import { EnginesmithFailure } from '../../contracts/failures.js';

export type RepositoryKind = 'model' | 'dataset';

/** What the Hub announces of a file's content: LFS objects go by sha256, small files by their git blob id. */
export interface AnnouncedDigest {
  algorithm: 'sha256' | 'git-sha1';
  /** Lower-case hex. */
  hex: string;
}

/** One file of a repository at a commit. */
export interface HubFile {
  /** Relative, forward slashes, proven to stay inside the directory that it is joined to. */
  path: string;
  bytes: number;
  digest: AnnouncedDigest;
}

const SHA1 = /^[0-9a-f]{40}$/;
const SHA256 = /^[0-9a-f]{64}$/;
/** The longest file name that Linux file systems take, in bytes. */
const MAXIMUM_NAME_BYTES = 255;

const treeEntrySchema = z.object({
  type: z.string(),
  path: z.string(),
  size: z.int().nonnegative(),
  oid: z.string(),
  lfs: z.object({ oid: z.string(), size: z.int().nonnegative() }).optional(),
});

const violation = (message: string, context: Record<string, string>): EnginesmithFailure =>
  new EnginesmithFailure('HubProtocolViolation', `${message} Check HF_ENDPOINT: nothing of this answer was used.`, {
    context,
  });

/** True for the two forms in which the Hub names content: a git sha1 and a sha256. */
export const isContentName = (value: string): boolean => SHA1.test(value) || SHA256.test(value);

export const isCommit = (value: string): boolean => SHA1.test(value);

/** Quoted, for a message: bounded, and nothing in it can move the cursor. */
const shown = (value: string): string => JSON.stringify(value.slice(0, 120));

const isSafeName = (name: string): boolean =>
  name !== '' && name !== '.' && name !== '..' && Buffer.byteLength(name) <= MAXIMUM_NAME_BYTES;

/** @throws EnginesmithFailure `HubProtocolViolation` for a path that could leave its directory or confuse a tool */
export function assertSafePath(path: string): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  const hostile = /[\\\u0000-\u001f\u007f]/.test(path);
  if (hostile || !path.split('/').every(isSafeName)) {
    throw violation(`The Hub listed a file under the unsafe path ${shown(path)}.`, { path: path.slice(0, 120) });
  }
}

/**
 * One entry of the Hub's tree listing as a file; undefined for what is no file (directories, submodules).
 * @throws EnginesmithFailure `HubProtocolViolation` for unsafe paths, malformed ids and entries of another shape
 */
export function parseTreeEntry(entry: unknown): HubFile | undefined {
  const parsed = treeEntrySchema.safeParse(entry);
  if (!parsed.success) {
    throw violation(`The Hub's file listing has an entry of an unknown shape: ${z.prettifyError(parsed.error)}.`, {});
  }
  const { type, path, size, oid, lfs } = parsed.data;
  if (type !== 'file') return undefined;
  assertSafePath(path);
  const digest: AnnouncedDigest =
    lfs === undefined ? { algorithm: 'git-sha1', hex: oid } : { algorithm: 'sha256', hex: lfs.oid };
  const form = digest.algorithm === 'sha256' ? SHA256 : SHA1;
  if (!isContentName(oid) || !form.test(digest.hex)) {
    throw violation(`The Hub's id of ${path} is ${shown(digest.hex)}, expected the hex ${digest.algorithm}.`, { path });
  }
  return { path, bytes: lfs?.size ?? size, digest };
}
