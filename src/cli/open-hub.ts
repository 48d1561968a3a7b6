import type { Configuration } from '../platform/config.js';
import { createHubClient, type HubClient } from '../platform/hub/hub-client.js';
import { startHubMirror } from '../platform/hub-mirror/hub-mirror.js';
import type { ArtifactStore } from '../platform/store/artifact-store.js';
import { openArtifactStore } from '../platform/store/open-store.js';
import { findDev } from './environment/dev-record.js';

/** A person waits: what does not answer soon is left to the workers, which have days. */
const RETRY = { attempts: 2, initialDelayMs: 250, maximumDelayMs: 2_000 };
const IDLE_TIMEOUT_MS = 10_000;

export interface OpenHub {
  hub: HubClient;
  endpoint: string;
  /** Has what a spec names by its content digest. */
  store: ArtifactStore;
  close(): Promise<void>;
}

/**
 * The Hub that a pipeline started from here would ask: the one that is configured, or the mirror of the embedded environment,
 * which is served from this process while no environment runs.
 */
export async function openHub(configuration: Configuration): Promise<OpenHub> {
  const { home, hub, hubMirror } = configuration;
  const dev = hubMirror === undefined ? undefined : await findDev(home);
  const mirror =
    hubMirror === undefined || dev !== undefined ? undefined : await startHubMirror({ directory: hubMirror });
  const store = await openArtifactStore(configuration);
  const endpoint = dev?.hubEndpoint ?? mirror?.url ?? hub.endpoint;
  return {
    hub: createHubClient({ ...hub, endpoint, retry: RETRY, idleTimeoutMs: IDLE_TIMEOUT_MS }),
    endpoint,
    store,
    async close() {
      await mirror?.close();
      await store.close();
    },
  };
}
