import type { ArtifactKind, ArtifactReference, Digest } from '../../contracts/artifacts.js';
import { EnginesmithFailure } from '../../contracts/failures.js';
import { type Actions, createActions } from './actions.js';
import { type ArtifactDescription, createArtifactFolders } from './artifact-folders.js';
import { type AttestationFile, createAttestations } from './attestations.js';
import { type CommitOptions, type CommitResult, commitArtifact } from './commit.js';
import { createFileHasher, type HashingTotals } from './hash-files.js';
import { storeLayout } from './layout.js';
import { createPresence } from './presence.js';
import { type Root, writeRoot } from './roots.js';
import { createStagingFolder, sweepStagingFolders } from './staging.js';
import { createVerification } from './verification.js';

export interface Staging {
  /** Private, and empty unless it was filled from elsewhere: output goes here, regular files and directories only. */
  directory: string;
  /** Makes the output an artifact, and ends this staging. See `commitArtifact`. */
  commit(options: CommitOptions): Promise<CommitResult>;
  /** Removes what was staged. Nothing happens after a commit, so it can stand in a `finally`. */
  discard(): Promise<void>;
}

export interface ArtifactStore {
  /** Whether an action's artifact is there, see `Actions`. Reads two small files, hashes nothing. */
  lookup: Actions['lookup'];
  /** Makes known what a commit has made that was interrupted before everybody could find it. @returns undefined for none */
  finishCommit: Actions['lookup'];
  /** What is known of an action beside its artifact. */
  readAction: Actions['read'];
  listActions: Actions['list'];
  describe(digest: Digest): Promise<ArtifactDescription | undefined>;
  /**
   * @param options.from a directory whose files are the output already, e.g. a finished download. The artifact shares them:
   *   write them no more, and remove the directory after the commit; until then it outlives a crash
   */
  stage(kind: ArtifactKind, options?: { from?: string }): Promise<Staging>;
  /**
   * The local directory of an artifact's files, verified: hashed when they are seen for the first time on this host,
   * later compared by size, modification time and inode. The files are read-only and shared: never write there.
   * @throws ArtifactCorrupt naming the file; the artifact is in quarantine then, and its actions miss
   */
  materialize(reference: Pick<ArtifactReference, 'digest'>): Promise<string>;
  /** Keeps a further statement about an artifact; that of the same name stays. */
  attest(digest: Digest, statement: AttestationFile): Promise<void>;
  /** What was stated about an artifact, which itself may be gone. */
  attestations(digest: Digest): Promise<AttestationFile[]>;
  /**
   * Notes that a run needs an artifact, so that garbage collection keeps it.
   * @returns false when it is not there any more: it was collected a moment ago, and must be made again
   */
  recordRoot(root: Root): Promise<boolean>;
  /** Removes what dead attempts on this host left half-written. Call at start. @returns the names of what was removed */
  sweepStaging(): Promise<string[]>;
  /** What has been read in order to hash it since this store was created. */
  hashingTotals(): HashingTotals;
  /** Ends the hashing threads. */
  close(): Promise<void>;
}

export interface ArtifactStoreOptions {
  /** May lie on a file system that several hosts share. */
  directory: string;
  /** Of this host only: remembers which artifacts were verified here. */
  cacheDirectory: string;
  /** Files hashed at once. @default one a core */
  hashThreads?: number;
}

/** Immutable directories, named by their content, and the actions that made them. */
export function createArtifactStore({ directory, cacheDirectory, hashThreads }: ArtifactStoreOptions): ArtifactStore {
  const layout = storeLayout(directory);
  const hasher = createFileHasher(hashThreads);
  const presence = createPresence(layout);
  const folders = createArtifactFolders(layout, presence);
  const actions = createActions({ layout, folders });
  const attestations = createAttestations(layout);
  const verification = createVerification({ cacheDirectory, hasher });
  // Branches of one pipeline that need the same model at the same moment share its verification.
  const materializing = new Map<Digest, Promise<string>>();

  const verifiedDirectory = async (digest: Digest) => {
    const description = (await presence.hold(digest)) ? await folders.describe(digest) : undefined;
    if (description === undefined) {
      throw new EnginesmithFailure(
        'ArtifactCorrupt',
        `artifact ${digest.slice(0, 12)} is not in the store at ${directory} (removed, or in its quarantine); run the pipeline again to make it anew`,
        { context: { digest } },
      );
    }
    const filesDirectory = folders.filesDirectory(digest);
    try {
      await verification.verify({ digest, manifest: description.manifest, filesDirectory });
    } catch (error) {
      if (error instanceof EnginesmithFailure && error.type === 'ArtifactCorrupt') await folders.quarantine(digest);
      throw error;
    }
    return filesDirectory;
  };

  return {
    lookup: actions.lookup,
    // What is committed here can be found.
    finishCommit: async () => undefined,
    readAction: actions.read,
    listActions: actions.list,
    describe: folders.describe,
    async stage(kind, { from } = {}) {
      const folder = await createStagingFolder(layout.staging, from);
      return {
        directory: folder.files,
        commit: (options) =>
          commitArtifact(
            { layout, folders, actions, attestations, hasher, verification },
            { ...options, kind, folder },
          ),
        discard: folder.discard,
      };
    },
    materialize({ digest }) {
      const running =
        materializing.get(digest) ?? verifiedDirectory(digest).finally(() => materializing.delete(digest));
      materializing.set(digest, running);
      return running;
    },
    async attest(digest, statement) {
      const folder = await createStagingFolder(layout.staging);
      try {
        await attestations.keep({ ...statement, digest, scratch: folder.scratch });
      } finally {
        await folder.discard();
      }
    },
    attestations: attestations.list,
    async recordRoot(root) {
      const folder = await createStagingFolder(layout.staging);
      try {
        await writeRoot(layout, root, folder.scratch);
      } finally {
        await folder.discard();
      }
      // After the root: a collector that did not see it has marked the artifact before.
      return presence.hold(root.digest);
    },
    sweepStaging: () => sweepStagingFolders(layout.staging),
    hashingTotals: hasher.totals,
    close: hasher.close,
  };
}
