import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import pLimit from 'p-limit';
import type { ArtifactKind, Manifest, ManifestFile } from '../../contracts/artifacts.js';
import { EnginesmithFailure } from '../../contracts/failures.js';
import { synchronize, writeDurably } from '../durable-files.js';
import type { FileHasher } from './hash-files.js';
import { isSha256, manifestFileName } from './layout.js';
import { type ListedFile, type Listing, listFiles, sameFiles } from './list-files.js';
import { manifestDigest } from './manifest.js';
import type { StagingFolder } from './staging.js';

export interface SealedArtifact {
  manifest: Manifest;
  digest: string;
  /** As they lie on the disk: renaming the artifact changes nothing of it. */
  files: ListedFile[];
}

/**
 * Makes an attempt's output ready to be renamed into place: hashed, described by its manifest, read-only, flushed.
 * @param knownDigests files that were verified while they were written, and need not be read again
 * @throws ToolOutputInvalid when the output is empty, holds a link or a special file, or is still being written
 */
export async function sealArtifact(options: {
  kind: ArtifactKind;
  folder: StagingFolder;
  knownDigests: readonly ManifestFile[];
  hasher: FileHasher;
}): Promise<SealedArtifact> {
  const { kind, folder, hasher } = options;
  const listing = await listFiles(folder.files);
  requireRegularFiles(listing);

  const known = usableDigests(options.knownDigests, listing.files);
  const knownPaths = new Set(known.map(({ path }) => path));
  await sealFiles(folder.files, listing.files, knownPaths);
  const unknown = listing.files.filter(({ path }) => !knownPaths.has(path));
  const hashed = await hasher.hash(folder.files, unknown, { flush: true });

  const settled = await listFiles(folder.files);
  if (!sameFiles(listing.files, settled.files) || settled.irregular.length > 0) {
    throw new EnginesmithFailure(
      'ToolOutputInvalid',
      'the output changed while it was hashed: a process of the tool still writes to it; end every process of the tool before the commit',
    );
  }

  const files = [...known, ...hashed].sort((left, right) => (left.path < right.path ? -1 : 1));
  const manifest: Manifest = { schema: 'enginesmith/artifact/v1', kind, files };
  await writeDurably(join(folder.artifact, manifestFileName), JSON.stringify(manifest));
  for (const directory of [...settled.directories, '.']) await synchronize(join(folder.files, directory));
  await synchronize(folder.artifact);
  return { manifest, digest: manifestDigest(manifest), files: settled.files };
}

function requireRegularFiles({ files, irregular }: Listing): void {
  const [path] = irregular;
  if (path !== undefined) {
    throw new EnginesmithFailure(
      'ToolOutputInvalid',
      `"${path}" is a symbolic link or a special file: an artifact holds regular files only; copy what it stands for`,
      { context: { path } },
    );
  }
  if (files.length === 0) {
    throw new EnginesmithFailure('ToolOutputInvalid', 'the tool made no file: look into its log for the reason');
  }
}

/** A digest counts only for a file of its size: otherwise that is not the file that was verified. */
function usableDigests(digests: readonly ManifestFile[], files: readonly ListedFile[]): ManifestFile[] {
  const sizes = new Map(files.map(({ path, bytes }) => [path, bytes]));
  return digests
    .filter(({ path, bytes, sha256 }) => sizes.get(path) === bytes && isSha256(sha256))
    .map(({ path, bytes, sha256 }) => ({ path, bytes, sha256 }));
}

/** Makes all files read-only, and flushes those that will not be flushed while they are hashed. */
async function sealFiles(root: string, files: readonly ListedFile[], toFlush: ReadonlySet<string>): Promise<void> {
  const limit = pLimit(16);
  await Promise.all(
    files.map(({ path }) =>
      limit(async () => {
        await chmod(join(root, path), 0o444);
        if (toFlush.has(path)) await synchronize(join(root, path));
      }),
    ),
  );
}
