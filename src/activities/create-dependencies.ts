import type { Client } from '@temporalio/client';
import type { Logger } from 'pino';
import type { Configuration } from '../platform/config.js';
import { createDiskLedger } from '../platform/disk-ledger.js';
import { createGpuLeases } from '../platform/gpu-leases.js';
import { createHubClient } from '../platform/hub/hub-client.js';
import { placesOf } from '../platform/places.js';
import { createJobRunner } from '../platform/process/job-runner.js';
import { readSigningKey, readTrustedKeys } from '../platform/provenance/keys.js';
import { createClaims } from '../platform/store/claims.js';
import { openArtifactStore } from '../platform/store/open-store.js';
import type { ActivityDependencies } from './dependencies.js';
import { createLeftOf, noteInventory } from './host-gpus.js';
import { openToolchain } from './open-toolchain.js';
import { processesOfHolder } from './processes-of-holder.js';
import { sweepLeftovers } from './sweep-leftovers.js';

/**
 * Opens what activities work with, and clears what dead attempts left half-written on this host.
 * @throws EnginesmithFailure `PrerequisiteMissing` when the toolchain is not there or cannot run, or a key cannot be used
 */
export async function createActivityDependencies({
  configuration,
  client,
  logger,
}: {
  configuration: Configuration;
  client: Client;
  logger: Logger;
}): Promise<ActivityDependencies> {
  const { toolchain, launcher, gpus } = await openToolchain(configuration, process.env);
  const { signingKey, trustedKeys, requireProvenance } = configuration.provenance;
  const places = placesOf(configuration);
  const store = await openArtifactStore(configuration);
  const jobs = createJobRunner({ jobsDirectory: places.jobs });
  const claims = createClaims({ directory: places.claims });
  const leases = createGpuLeases({
    directory: places.leases,
    devices: toolchain.devices,
    isHolderActive: async (holder) => {
      const job = await jobs.inspect(holder);
      if (job.state === 'lost') return (await processesOfHolder({ jobs, launcher }, holder)).length > 0;
      return job.state === 'running';
    },
    leftOf: createLeftOf({ gpus, jobs, launcher }),
  });
  await noteInventory({ gpus, places, logger });
  const leftovers = await sweepLeftovers({ claims, jobs, leases, places, store }).catch((failure: unknown) => {
    // What cannot be removed is in nobody's way.
    logger.warn({ failure: `${failure}` }, 'what dead attempts left could not be removed');
    return [];
  });
  const ended = await launcher.sweep(async (jobId) => (await jobs.inspect(jobId)).state === 'running');
  if (ended.length > 0) logger.warn({ ended }, 'ended containers that had lost their workers');
  const swept = [...(await store.sweepStaging()), ...leftovers];
  if (swept.length > 0) logger.info({ swept }, 'removed what dead attempts left');
  return {
    configuration,
    places,
    store,
    jobs,
    toolchain,
    launcher,
    client,
    logger,
    claims,
    leases,
    gpus,
    signingKey: signingKey === undefined ? null : await readSigningKey(signingKey),
    requiredKeys: requireProvenance ? await readTrustedKeys(trustedKeys) : null,
    disk: createDiskLedger({
      homes: [places.store, configuration.home, configuration.cache],
      isActive: async (id) => (await jobs.inspect(id)).state === 'running',
    }),
    hub: createHubClient(configuration.hub),
  };
}
