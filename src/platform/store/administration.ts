import { join } from 'node:path';
import type { ActionKey, Digest } from '../../contracts/artifacts.js';
import { EnginesmithFailure } from '../../contracts/failures.js';
import { createActions } from './actions.js';
import { type ArtifactDescription, createArtifactFolders } from './artifact-folders.js';
import type { Bundle } from './bundle-format.js';
import { type CollectDependencies, type Collection, collectGarbage, type StoreUsage, surveyStore } from './collect.js';
import { exportBundle } from './export-bundle.js';
import { createFileHasher } from './hash-files.js';
import { type ImportedBundle, importBundle } from './import-bundle.js';
import { listActions, listDigests, listRecords, type StoredRecord } from './inventory.js';
import type { KeepRules, LiveUse } from './keep-reasons.js';
import { storeLayout } from './layout.js';
import { createPins, type Pins } from './pins.js';
import { createPresence } from './presence.js';
import { listRuns } from './roots.js';
import { type SweepOptions, type Swept, sweepStore } from './sweep.js';
import { createVerification } from './verification.js';

/** Whoever lists, keeps, checks and removes; pipelines need none of it. */
export interface StoreAdministration {
  /** @param ask what runs and serves; null when nobody can be asked */
  usage(options: { ask: () => Promise<LiveUse | null>; rules: KeepRules }): Promise<StoreUsage>;
  /** What garbage collection would remove, or has removed. */
  collect(options: { ask: () => Promise<LiveUse | null>; rules: KeepRules; dryRun?: boolean }): Promise<Collection>;
  /** See `sweepStore`. */
  sweep(options: Omit<SweepOptions, 'layout' | 'verifiedDirectory'>): Promise<Swept>;
  pins: Pins;
  /**
   * The artifact whose digest begins so.
   * @throws NotFound when none does, or several: they are listed
   */
  resolve(prefix: string): Promise<Digest>;
  describe(digest: Digest): Promise<ArtifactDescription | undefined>;
  digests(): Promise<Digest[]>;
  actions(digest: Digest): Promise<ActionKey[]>;
  records(digest: Digest): Promise<StoredRecord[]>;
  /** Hashes every file anew. What is corrupt goes to quarantine. @returns what was found, or undefined for what is whole */
  verify(digest: Digest): Promise<string | undefined>;
  /** Digests of all that a run, or the newest run of a workflow, needed; none when no such run is known. */
  neededBy(runOrWorkflowId: string): Promise<Digest[]>;
  /** See `exportBundle`. */
  exportBundle(options: { digests: readonly Digest[]; to: string }): Promise<Bundle>;
  /** See `importBundle`. */
  importBundle(from: string): Promise<ImportedBundle>;
  /** Ends the hashing threads. */
  close(): Promise<void>;
}

const shortestPrefix = 4;
const listedCandidates = 10;

export function createStoreAdministration({
  directory,
  cacheDirectory,
}: {
  directory: string;
  cacheDirectory: string;
}): StoreAdministration {
  const layout = storeLayout(directory);
  const presence = createPresence(layout);
  const folders = createArtifactFolders(layout, presence);
  const pins = createPins({ layout, presence });
  const hasher = createFileHasher();
  const verification = createVerification({ cacheDirectory, hasher });
  const dependencies: CollectDependencies = { layout, folders, presence, pins };

  return {
    usage: (options) => surveyStore(dependencies, options),
    collect: (options) => collectGarbage(dependencies, options),
    sweep: (options) => sweepStore({ ...options, layout, verifiedDirectory: join(cacheDirectory, 'verified') }),
    pins,
    async resolve(prefix) {
      const wanted = prefix.toLowerCase();
      if (!/^[0-9a-f]+$/.test(wanted) || wanted.length < shortestPrefix || wanted.length > 64) {
        throw new EnginesmithFailure(
          'NotFound',
          `"${prefix.slice(0, 80)}" is no digest: give ${shortestPrefix} of its hex digits or more, as \`artifacts list\` prints them.`,
        );
      }
      const found = (await listDigests(layout)).filter((digest) => digest.startsWith(wanted));
      const [digest] = found;
      if (digest !== undefined && found.length === 1) return digest;
      if (digest === undefined) throw new EnginesmithFailure('NotFound', `The store has no artifact ${wanted}….`);
      throw await ambiguous(wanted, found);
    },
    describe: folders.peek,
    digests: () => listDigests(layout),
    actions: async (digest) => (await listActions(layout)).get(digest) ?? [],
    records: (digest) => listRecords(layout, digest),
    async verify(digest) {
      // What a collection removes meanwhile is not damaged, and a check is no use that would keep it.
      const isGone = async () => (await presence.isTaken(digest)) || !(await folders.isThere(digest));
      try {
        const described = await folders.peek(digest);
        if (described === undefined) {
          if (await isGone()) return undefined;
          await folders.quarantine(digest);
          return 'its manifest is not what the digest names';
        }
        await verification.verify({
          digest,
          manifest: described.manifest,
          filesDirectory: folders.filesDirectory(digest),
          anew: true,
        });
        return undefined;
      } catch (failure) {
        if (await isGone()) return undefined;
        if (!(failure instanceof EnginesmithFailure) || failure.type !== 'ArtifactCorrupt') throw failure;
        await folders.quarantine(digest);
        const { file, expected, found } = failure.context;
        return `"${file}": expected ${expected}, found ${found}`;
      }
    },
    async neededBy(id) {
      const run = (await listRuns(layout)).find(({ runId, workflowId }) => runId === id || workflowId === id);
      return [...new Set(run?.needs.map(({ digest }) => digest) ?? [])];
    },
    exportBundle: (options) => exportBundle({ ...dependencies, directory, verification }, options),
    importBundle: (from) =>
      importBundle(
        { ...dependencies, directory, verification, hasher, actions: createActions({ layout, folders }) },
        from,
      ),
    close: hasher.close,
  };

  async function ambiguous(wanted: string, found: readonly Digest[]): Promise<EnginesmithFailure> {
    const lines = found.slice(0, listedCandidates).map(async (digest) => {
      const kind = (await folders.peek(digest))?.reference.kind ?? 'damaged';
      return `  ${digest} ${kind}`;
    });
    const more = found.length > listedCandidates ? [`  and ${found.length - listedCandidates} more`] : [];
    return new EnginesmithFailure(
      'NotFound',
      [`${wanted} is ambiguous; give more digits:`, ...(await Promise.all(lines)), ...more].join('\n'),
      { context: { prefix: wanted, candidates: found.length } },
    );
  }
}
