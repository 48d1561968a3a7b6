import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isContentRevision } from '../contracts/artifacts.js';
import { EnginesmithFailure } from '../contracts/failures.js';
import type { HubClient } from './hub/hub-client.js';
import type { RepositoryKind } from './hub/hub-file.js';
import { readModelConfig, requireDataset } from './hub/inspect-source.js';
import type { ArtifactStore } from './store/artifact-store.js';

interface PinnedRepository {
  repository: string;
  /** A commit of the Hub, 40 hex digits, or the digest of what the store has, 64. */
  commit: string;
}

/** Where the models and datasets that a spec names are looked at before anything is downloaded. */
export interface SpecSourceReader {
  resolveCommit(source: { kind: RepositoryKind; repository: string; revision: string }): Promise<string>;
  readModelConfig(source: PinnedRepository): Promise<string>;
  requireDataset(source: PinnedRepository): Promise<void>;
}

/**
 * Reads from the Hub, and from the store what a revision names by its content digest: a model that was never on a Hub.
 * @throws (from its members) EnginesmithFailure `ModelNotFound` for a digest that the store does not have, and what the Hub throws
 */
export function createSpecSourceReader({
  hub,
  store,
  signal,
}: {
  hub: HubClient;
  store: Pick<ArtifactStore, 'describe' | 'materialize'>;
  signal?: AbortSignal;
}): SpecSourceReader {
  return {
    async resolveCommit({ kind, repository, revision }) {
      if (!isContentRevision(revision)) {
        return (await hub.resolveRevision({ kind, repository, revision, signal })).commit;
      }
      const found = (await store.describe(revision))?.reference;
      if (found?.kind === kind) return revision;
      throw new EnginesmithFailure(
        'ModelNotFound',
        `${repository}: revision ${revision.slice(0, 12)} is the digest of a ${kind}, which the store ${found === undefined ? 'does not have' : `has as ${found.kind}`}. ` +
          `Take it in where the workers' store is: \`enginesmith artifacts import ${kind} DIRECTORY\`.`,
        { context: { repository, digest: revision } },
      );
    },
    async readModelConfig({ repository, commit }) {
      if (!isContentRevision(commit)) return readModelConfig(hub, { repository, commit, signal });
      return readFile(join(await store.materialize({ digest: commit }), 'config.json'), 'utf8');
    },
    async requireDataset({ repository, commit }) {
      // What was taken in as a dataset has data files.
      if (!isContentRevision(commit)) await requireDataset(hub, { repository, commit, signal });
    },
  };
}
