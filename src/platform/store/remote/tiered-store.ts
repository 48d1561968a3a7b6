import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import type { ActionKey, ArtifactReference, Digest } from '../../../contracts/artifacts.js';
import { EnginesmithFailure } from '../../../contracts/failures.js';
import { readIfPresent, replaceFile, writeDurably } from '../../durable-files.js';
import { parseJson } from '../../parse-json.js';
import { type ArtifactDescription, createArtifactFolders } from '../artifact-folders.js';
import type { ArtifactStore, ArtifactStoreOptions, Staging } from '../artifact-store.js';
import { createAttestations } from '../attestations.js';
import { createFileHasher } from '../hash-files.js';
import { isSha256, sharded, storeLayout } from '../layout.js';
import { createPresence } from '../presence.js';
import { sealArtifact } from '../seal-artifact.js';
import { createStagingFolder, type StagingFolder } from '../staging.js';
import { createVerification } from '../verification.js';
import type { RemoteTier } from './remote-tier.js';

const publishedSchema = z.object({ digest: z.string().refine(isSha256), remake: z.string().optional() });

/**
 * A store on this host, or on a file system that hosts share, in front of one that all hosts reach. What a key names is
 * decided in the remote one, by whoever publishes first, and remembered here: while the remote one does not answer, what it
 * said last holds. What was committed here and not yet published is found by nobody, here neither, lest hosts build on
 * different content: `finishCommit` publishes it.
 */
export function createTieredStore({
  local,
  remote,
  directory,
  cacheDirectory,
}: { local: ArtifactStore; remote: RemoteTier } & Pick<
  ArtifactStoreOptions,
  'directory' | 'cacheDirectory'
>): ArtifactStore {
  const layout = storeLayout(directory);
  const folders = createArtifactFolders(layout, createPresence(layout));
  const hasher = createFileHasher();
  const verification = createVerification({ cacheDirectory, hasher });
  const localAttestations = createAttestations(layout);
  const fetching = new Map<Digest, Promise<void>>();

  const publishedEntry = (key: ActionKey) => `${join(directory, 'published', ...sharded(key))}.json`;

  const withScratch = async <Result>(
    use: (folder: StagingFolder) => Promise<Result>,
    from?: string,
  ): Promise<Result> => {
    const folder = await createStagingFolder(layout.staging, from);
    try {
      return await use(folder);
    } finally {
      await folder.discard();
    }
  };

  /** Remembers here what a key names for everybody. */
  const remember = (key: ActionKey, remake: string | undefined, { digest }: ArtifactReference) =>
    withScratch(async ({ scratch }) => {
      const entry = join(scratch, 'published.json');
      await writeDurably(entry, `${JSON.stringify({ schema: 'enginesmith/published/v1', key, digest, remake })}\n`);
      await replaceFile(entry, publishedEntry(key));
    });

  const describe: ArtifactStore['describe'] = async (digest) =>
    (await local.describe(digest)) ?? (await remote.describe(digest));

  const recall: ArtifactStore['lookup'] = async (key, remake) => {
    const entry = publishedSchema.safeParse(parseJson((await readIfPresent(publishedEntry(key))) ?? '')).data;
    if (entry === undefined || (remake !== undefined && entry.remake !== remake)) return undefined;
    return (await local.describe(entry.digest))?.reference;
  };

  const publish = async (key: ActionKey, remake: string | undefined, digest: Digest): Promise<ArtifactReference> => {
    const filesDirectory = await local.materialize({ digest });
    const described = await local.describe(digest);
    if (described === undefined) throw new Error(`${digest} was committed and is not in the store`);
    const attestations = await local.attestations(digest);
    const { manifest } = described;
    const reference = await remote.publish({ key, remake, digest, manifest, filesDirectory, attestations });
    await remember(key, remake, reference);
    return reference;
  };

  const place = async (description: ArtifactDescription): Promise<void> => {
    const { digest, kind } = description.reference;
    const download = join(cacheDirectory, 'remote', digest);
    const knownDigests = await remote.fetch(description, download);
    await withScratch(
      async (folder) => {
        const sealed = await sealArtifact({ kind, folder, knownDigests, hasher });
        if (sealed.digest !== digest) throw notWhole(digest);
        const { adopted } = await folders.place(digest, folder.artifact);
        if (!adopted) await verification.stamp(digest, sealed.files);
      },
      join(download, 'files'),
    ).finally(() => rm(download, { recursive: true, force: true }));
  };

  /** Brings an artifact to this host. Another process may do the same: the first one removes what both have downloaded. */
  const fetch = async (digest: Digest): Promise<void> => {
    const description = await remote.describe(digest);
    if (description === undefined) return;
    try {
      await place(description);
    } catch (failure) {
      if ((await local.describe(digest)) === undefined) throw failure;
    }
  };

  const fetchOnce = (digest: Digest): Promise<void> => {
    const running = fetching.get(digest) ?? fetch(digest).finally(() => fetching.delete(digest));
    fetching.set(digest, running);
    return running;
  };

  const publishing = (staging: Staging): Staging => ({
    ...staging,
    async commit(options) {
      const committed = await staging.commit(options);
      const reference = await publish(options.key, options.remake, committed.reference.digest);
      if (reference.digest === committed.reference.digest) return committed;
      const conflict = { kept: reference.digest, committed: committed.reference.digest };
      return { reference, adopted: committed.adopted, conflict };
    },
  });

  return {
    ...local,
    describe,
    async lookup(key, remake) {
      try {
        const reference = await remote.lookup(key, remake);
        if (reference !== undefined) await remember(key, remake, reference);
        return reference;
      } catch (failure) {
        if (!isUnavailable(failure)) throw failure;
        const known = await recall(key, remake);
        if (known === undefined) throw failure;
        return known;
      }
    },
    async readAction(key) {
      const here = await local.readAction(key);
      if (here !== undefined) return here;
      return remote.readAction(key).catch((failure: unknown) => {
        if (!isUnavailable(failure)) throw failure;
        return undefined;
      });
    },
    async finishCommit(key, remake) {
      const committed = await local.lookup(key, remake);
      return committed && publish(key, remake, committed.digest);
    },
    // Nothing is collected from the remote store.
    recordRoot: async (root) => (await local.recordRoot(root)) || (await remote.describe(root.digest)) !== undefined,
    stage: async (kind, options) => publishing(await local.stage(kind, options)),
    async materialize(reference) {
      const { digest } = reference;
      if ((await local.describe(digest)) === undefined) await fetchOnce(digest);
      try {
        return await local.materialize(reference);
      } catch (failure) {
        // It is in quarantine now. What others have of it is as good as new.
        if (!(failure instanceof EnginesmithFailure) || failure.type !== 'ArtifactCorrupt') throw failure;
        await fetchOnce(digest);
        if ((await local.describe(digest)) === undefined) throw failure;
        return local.materialize(reference);
      }
    },
    async attest(digest, statement) {
      await local.attest(digest, statement);
      await remote.attest(digest, statement);
    },
    async attestations(digest) {
      const here = await local.attestations(digest);
      try {
        const known = new Set(here.map(({ name }) => name));
        const others = (await remote.attestations(digest)).filter(({ name }) => !known.has(name));
        await withScratch(async ({ scratch }) => {
          for (const statement of others) await localAttestations.keep({ ...statement, digest, scratch });
        });
        return [...here, ...others];
      } catch (failure) {
        if (here.length === 0) throw failure;
        return here;
      }
    },
    async close() {
      remote.close();
      await Promise.all([local.close(), hasher.close()]);
    },
  };
}

const isUnavailable = (failure: unknown): boolean =>
  failure instanceof EnginesmithFailure && failure.type === 'RemoteStoreUnavailable';

const notWhole = (digest: Digest): EnginesmithFailure =>
  new EnginesmithFailure(
    'ArtifactCorrupt',
    `artifact ${digest.slice(0, 12)} is not what came from the remote store; run the pipeline again to make it anew`,
    { context: { digest } },
  );
