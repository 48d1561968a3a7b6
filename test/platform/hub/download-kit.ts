import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { createHubClient, type HubClient, type HubClientOptions } from '../../../src/platform/hub/hub-client.js';
import { COMMIT, startFaultHub } from './fault-hub.js';

/** Small enough to be quick, large enough for the socket transport and for many reads of it. */
export const LARGE = randomBytes(3 * 1024 * 1024 + 17);
export const model = { kind: 'model', repository: 'org/model', commit: COMMIT } as const;

export async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'enginesmith-hub-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

export async function faultHub(options: Parameters<typeof startFaultHub>[0]) {
  const hub = await startFaultHub(options);
  onTestFinished(() => hub.close());
  return hub;
}

/** A client that does not keep a test waiting. */
export const quickClient = (options: HubClientOptions): HubClient =>
  createHubClient({
    retry: { attempts: 3, initialDelayMs: 5, maximumDelayMs: 50 },
    idleTimeoutMs: 1000,
    ...options,
  });

/** Downloads all that the hub lists. */
export async function downloadAll(endpoint: string, directory: string, options: Partial<HubClientOptions> = {}) {
  const client = quickClient({ endpoint, ...options });
  const files = await client.listFiles(model);
  return client.download({ ...model, files, directory });
}
