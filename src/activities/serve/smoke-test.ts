import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { activityInfo, cancellationSignal } from '@temporalio/activity';
import type { RevisionRequest } from '../../contracts/activities.js';
import type { ServingEndpoint } from '../../contracts/pipeline.js';
import type { SmokeReport } from '../../contracts/smoke.js';
import { runSmokeContract } from '../../platform/smoke/contract.js';
import { createTritonClient } from '../../platform/triton/client.js';
import { parseEngineConfig } from '../../toolchains/checkpoint-config.js';
import { findRelease } from '../../toolchains/releases.js';
import { servedLimits } from '../../toolchains/served-limits.js';
import { ensembleModels } from '../../toolchains/serving-templates.js';
import type { ActivityDependencies } from '../dependencies.js';
import { revisionPlaces } from './revision-places.js';

/** It was ready when it was started; models that went away since do not come back. */
const READY_DEADLINE_MS = 30_000;

/** Holds a started revision to the smoke contract, before it takes the name. */
export const createSmokeTest =
  ({ jobs, places, store }: ActivityDependencies) =>
  async (request: RevisionRequest & { endpoint: ServingEndpoint }): Promise<SmokeReport> => {
    const { name, number, description, endpoint } = request;
    const { jobId } = revisionPlaces(places, name, number);
    const engine = await store.materialize(description.engine);
    const { build_config } = parseEngineConfig(await readFile(join(engine, 'config.json'), 'utf8'));
    const { release, blsHeedsCancellation } = findRelease(description.toolchain.name);
    const { activityId, attempt } = activityInfo();
    const client = createTritonClient({ url: endpoint.grpcUrl });
    try {
      return await runSmokeContract({
        client,
        metricsUrl: endpoint.metricsUrl,
        models: ensembleModels,
        smoke: description.smoke,
        limits: servedLimits(build_config, release),
        blsHeedsCancellation,
        readyDeadlineMs: READY_DEADLINE_MS,
        stillAlive: async () => (await jobs.inspect(jobId)).state === 'running',
        requestId: `smoke-${number}-${activityId}-${attempt}`,
        signal: cancellationSignal(),
      });
    } finally {
      client.close();
    }
  };
