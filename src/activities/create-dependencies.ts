import type { Client } from '@temporalio/client';
import type { Logger } from 'pino';
import type { Configuration } from '../platform/config.js';
import { createGpuLeases } from '../platform/gpu-leases.js';
import { createHubClient } from '../platform/hub/hub-client.js';
import { placesOf } from '../platform/places.js';
import { createJobRunner } from '../platform/process/job-runner.js';
import { sessionProcesses } from '../platform/process/process-identity.js';
import { createArtifactStore } from '../platform/store/artifact-store.js';
import { createClaims } from '../platform/store/claims.js';
import { readToolchainInstallation } from '../platform/toolchain-installation.js';
import type { ActivityDependencies } from './dependencies.js';

/**
 * Opens what activities work with, and clears what dead attempts left half-written on this host.
 * @throws EnginesmithFailure `PrerequisiteMissing` when the toolchain is not there
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
  const toolchain = await readToolchainInstallation(configuration.toolchainRoot);
  const places = placesOf(configuration);
  const store = createArtifactStore({ directory: places.store, cacheDirectory: configuration.cache });
  const jobs = createJobRunner({ jobsDirectory: places.jobs });
  const swept = await store.sweepStaging();
  if (swept.length > 0) logger.info({ swept }, 'removed what dead attempts left');
  return {
    configuration,
    places,
    store,
    jobs,
    toolchain,
    client,
    logger,
    claims: createClaims({ directory: places.claims }),
    leases: createGpuLeases({
      directory: places.leases,
      devices: toolchain.devices,
      isHolderActive: async (holder) => {
        const job = await jobs.inspect(holder);
        if (job.state === 'lost')
          return job.identity !== undefined && (await sessionProcesses(job.identity)).length > 0;
        return job.state === 'running';
      },
    }),
    hub: createHubClient(configuration.hub),
  };
}
