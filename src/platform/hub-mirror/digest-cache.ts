import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { hasCode } from '../durable-files.js';
import { gitBlobHead } from '../hub/content-hash.js';
import { isContentName } from '../hub/hub-file.js';
import { readRecord, replaceRecord } from '../json-record.js';
import type { FileHasher } from '../store/hash-files.js';
import type { ListedFile } from '../store/list-files.js';

/** What the Hub says of a file: its git blob id, and for a large one the sha256 that git only holds a pointer to. */
export interface FileIdentity {
  gitOid: string;
  lfs?: { sha256: string; pointerBytes: number };
}

/** Clients name files in their caches by what stands here, and Python's writes wherever a name leads to. */
const contentName = z.string().refine(isContentName, 'is no hex digest');
const identitySchema = z.object({
  gitOid: contentName,
  lfs: z.object({ sha256: contentName, pointerBytes: z.number() }).exactOptional(),
});
const entrySchema = z.object({ bytes: z.number(), mtimeNs: z.string(), inode: z.string(), identity: identitySchema });
const cacheSchema = z.object({ files: z.record(z.string(), entrySchema) });

/** From this size on, the Hub takes no file into git itself. */
const LFS_BYTES = 10 * 1024 * 1024;

/** Identities of the files below a directory, computed once and then recognised by size, time and inode. */
export interface DigestCache {
  /**
   * @param root a directory, relative to the cache's
   * @returns identities by path, for files as `listFiles` found them in `root`
   */
  identify(root: string, files: readonly ListedFile[]): Promise<Map<string, FileIdentity>>;
}

/**
 * @param directory what is served; the sidecar lies in it, outside every repository
 * @throws EnginesmithFailure `ArtifactCorrupt` when the sidecar cannot be read
 */
export async function openDigestCache(directory: string, hasher: FileHasher): Promise<DigestCache> {
  const sidecarPath = join(directory, '.digests.json');
  const stored = await readRecord(sidecarPath, cacheSchema);
  const entries = new Map(Object.entries(stored?.files ?? {}));

  const save = async (): Promise<void> => {
    try {
      await replaceRecord(sidecarPath, { files: Object.fromEntries(entries) });
    } catch (error) {
      // A mirror on read-only media hashes anew at each start.
      if (!hasCode(error, 'EROFS', 'EACCES', 'EPERM')) throw error;
    }
  };

  const compute = async (root: string, files: readonly ListedFile[]): Promise<Map<string, FileIdentity>> => {
    const absoluteRoot = join(directory, root);
    const large = files.filter(isLarge);
    const hashed = await hasher.hash(absoluteRoot, large, { flush: false });
    const identities = new Map(hashed.map(({ path, bytes, sha256 }) => [path, identifyLarge(sha256, bytes)]));
    for (const { path } of files.filter((file) => !isLarge(file))) {
      identities.set(path, { gitOid: gitBlobId(await readFile(join(absoluteRoot, path))) });
    }
    return identities;
  };

  return {
    async identify(root, files) {
      const isKnown = ({ path, bytes, mtimeNs, inode }: ListedFile): boolean => {
        const entry = entries.get(join(root, path));
        return entry?.bytes === bytes && entry.mtimeNs === mtimeNs && entry.inode === inode;
      };
      const changed = files.filter((file) => !isKnown(file));
      const computed = await compute(root, changed);
      for (const { path, bytes, mtimeNs, inode } of changed) {
        const identity = computed.get(path);
        if (identity !== undefined) entries.set(join(root, path), { bytes, mtimeNs, inode, identity });
      }
      if (changed.length > 0) await save();
      return new Map(
        files.flatMap(({ path }) => {
          const identity = entries.get(join(root, path))?.identity;
          return identity === undefined ? [] : [[path, identity] as const];
        }),
      );
    },
  };
}

const isLarge = ({ path, bytes }: ListedFile): boolean => bytes >= LFS_BYTES || path.endsWith('.safetensors');

const gitBlobId = (content: Buffer): string =>
  createHash('sha1').update(gitBlobHead(content.length)).update(content).digest('hex');

/** In git, a large file is a small text that names it (git-lfs pointer, version 1). */
function identifyLarge(sha256: string, bytes: number): FileIdentity {
  const pointer = Buffer.from(`version https://git-lfs.github.com/spec/v1\noid sha256:${sha256}\nsize ${bytes}\n`);
  return { gitOid: gitBlobId(pointer), lfs: { sha256, pointerBytes: pointer.length } };
}
