import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import type { Digest, Manifest } from '../../contracts/artifacts.js';
import { EnginesmithFailure } from '../../contracts/failures.js';
import { readIfPresent } from '../durable-files.js';
import { parseJson } from '../parse-json.js';
import type { FileHasher } from './hash-files.js';
import { type ListedFile, type Listing, listFiles, sameFiles } from './list-files.js';

const stampSchema = z.array(z.object({ path: z.string(), bytes: z.number(), mtimeNs: z.string(), inode: z.string() }));

/** Remembers on this host which files were already hashed, so that gigabytes are read once and then only looked at. */
export interface Verification {
  /**
   * Checks an artifact's files against its manifest: by their stamp where they were hashed on this host before and are
   * unchanged since, else by hashing.
   * @param options.anew hashes them whatever was seen before
   * @throws ArtifactCorrupt naming the file
   */
  verify(options: { digest: Digest; manifest: Manifest; filesDirectory: string; anew?: boolean }): Promise<void>;
  /** Records that these files, as listed, were hashed on this host and are right. */
  stamp(digest: Digest, files: readonly ListedFile[]): Promise<void>;
}

export function createVerification({
  cacheDirectory,
  hasher,
}: {
  cacheDirectory: string;
  hasher: FileHasher;
}): Verification {
  const directory = join(cacheDirectory, 'verified');
  const stampPath = (digest: Digest) => join(directory, `${digest}.json`);

  // A torn stamp costs one more hashing and nothing else, so it is not written atomically.
  const readStamp = async (digest: Digest) => {
    const parsed = stampSchema.safeParse(parseJson((await readIfPresent(stampPath(digest))) ?? ''));
    return parsed.success ? parsed.data : [];
  };

  const stamp: Verification['stamp'] = async (digest, files) => {
    await mkdir(directory, { recursive: true });
    await writeFile(stampPath(digest), JSON.stringify(files));
  };

  return {
    async verify({ digest, manifest, filesDirectory, anew = false }) {
      const listing = await listFiles(filesDirectory);
      requireSameSizes(digest, manifest, listing);
      const { files } = listing;
      if (!anew && sameFiles(files, await readStamp(digest))) return;
      const hashed = await hasher.hash(filesDirectory, files, { flush: false });
      const found = new Map(hashed.map(({ path, sha256 }) => [path, sha256]));
      for (const { path, sha256 } of manifest.files) {
        if (found.get(path) !== sha256) throw corrupt(digest, path, `sha256 ${sha256}`, `${found.get(path)}`);
      }
      await stamp(digest, files);
    },
    stamp,
  };
}

/**
 * The cheap half of verification: the same names and sizes, nothing missing, nothing added.
 * @throws ArtifactCorrupt naming the first file that differs
 */
export function requireSameSizes(digest: Digest, manifest: Manifest, { files, irregular }: Listing): void {
  const found = new Map(files.map(({ path, bytes }) => [path, bytes]));
  for (const { path, bytes } of manifest.files) {
    if (found.get(path) !== bytes) throw corrupt(digest, path, `${bytes} bytes`, `${found.get(path) ?? 'no'} bytes`);
    found.delete(path);
  }
  for (const path of [...found.keys(), ...irregular]) throw corrupt(digest, path, 'no such entry', 'one');
}

function corrupt(digest: Digest, file: string, expected: string, found: string): EnginesmithFailure {
  return new EnginesmithFailure(
    'ArtifactCorrupt',
    `artifact ${digest.slice(0, 12)} is corrupt: "${file}": expected ${expected}, found ${found}. It is in the store's quarantine now; run the pipeline again to make it anew`,
    { context: { digest, file, expected, found } },
  );
}
