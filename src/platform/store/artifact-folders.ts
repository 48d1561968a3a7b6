import { randomBytes } from 'node:crypto';
import { rename, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ArtifactReference, Digest, Manifest } from '../../contracts/artifacts.js';
import { EnginesmithFailure } from '../../contracts/failures.js';
import { ifPresent, makeDirectoryDurably, publishDirectory, readIfPresent, synchronize } from '../durable-files.js';
import { filesDirectoryName, manifestFileName, type StoreLayout } from './layout.js';
import { listFiles } from './list-files.js';
import { parseManifest, referenceOf } from './manifest.js';
import type { Presence } from './presence.js';
import { requireSameSizes } from './verification.js';

export interface ArtifactDescription {
  manifest: Manifest;
  reference: ArtifactReference;
}

/** The folders that hold the artifacts: each is there whole, or not at all, or in quarantine. */
export interface ArtifactFolders {
  filesDirectory(digest: Digest): string;
  /** Whether its directory is there, whatever is in it. */
  isThere(digest: Digest): Promise<boolean>;
  /** As `describe`, but leaves what is damaged where it is. */
  peek(digest: Digest): Promise<ArtifactDescription | undefined>;
  /** @returns undefined when there is none; one whose manifest is not what the digest names goes to quarantine */
  describe(digest: Digest): Promise<ArtifactDescription | undefined>;
  /**
   * Renames a sealed artifact into place. Where one of its digest is there, that one is checked and adopted; a broken one
   * gives way.
   */
  place(digest: Digest, sealedDirectory: string): Promise<{ adopted: boolean }>;
  /** Takes an artifact out of sight, and keeps it for whoever wants to know what happened to it. */
  quarantine(digest: Digest): Promise<void>;
}

export function createArtifactFolders(layout: StoreLayout, presence: Presence): ArtifactFolders {
  const filesDirectory = (digest: Digest) => join(layout.artifact(digest), filesDirectoryName);

  const quarantine = async (digest: Digest) => {
    const to = layout.quarantine(digest, randomBytes(4).toString('hex'));
    await makeDirectoryDurably(dirname(to));
    // Two processes may find the same damage at the same moment: the second one finds nothing to move.
    await ifPresent(() => rename(layout.artifact(digest), to));
    await makeDirectoryDurably(dirname(layout.artifact(digest)));
    await synchronize(dirname(layout.artifact(digest)));
  };

  const read = async (digest: Digest): Promise<ArtifactDescription | 'damaged' | undefined> => {
    const text = await readIfPresent(join(layout.artifact(digest), manifestFileName));
    // What is being removed is gone already.
    if (text === undefined || (await presence.isTaken(digest))) return undefined;
    const manifest = parseManifest(text, digest);
    return manifest === undefined ? 'damaged' : { manifest, reference: referenceOf(manifest, digest) };
  };

  const describe = async (digest: Digest) => {
    const found = await read(digest);
    if (found !== 'damaged') return found;
    await quarantine(digest);
    return undefined;
  };

  const isWhole = async (digest: Digest) => {
    const description = await describe(digest);
    if (description === undefined) return false;
    try {
      requireSameSizes(digest, description.manifest, await listFiles(filesDirectory(digest)));
      return true;
    } catch (error) {
      if (error instanceof EnginesmithFailure && error.type === 'ArtifactCorrupt') return false;
      throw error;
    }
  };

  return {
    filesDirectory,
    isThere: async (digest) => (await ifPresent(() => stat(layout.artifact(digest)))) !== undefined,
    async peek(digest) {
      const found = await read(digest);
      return found === 'damaged' ? undefined : found;
    },
    describe,
    async place(digest, sealedDirectory) {
      const destination = layout.artifact(digest);
      // For the collection on a disk that is full: it takes no new directory.
      await makeDirectoryDurably(layout.trash);
      for (;;) {
        if (await publishDirectory(sealedDirectory, destination)) return { adopted: false };
        await presence.clear(digest);
        // Held first: what is adopted must not be collected before its new user has written a root.
        if ((await presence.hold(digest)) && (await isWhole(digest))) return { adopted: true };
        if (!(await presence.isTaken(digest))) await quarantine(digest);
      }
    },
    quarantine,
  };
}
