import { activityInfo, cancellationSignal } from '@temporalio/activity';
import type { RevisionRequest } from '../../contracts/activities.js';
import type { ServingEndpoint } from '../../contracts/pipeline.js';
import type { SmokeReport } from '../../contracts/smoke.js';
import { createTritonClient } from '../../platform/triton/client.js';
import { smokeTest } from '../../platform/triton/smoke-test.js';
import { ensembleModels } from '../../toolchains/serving-templates.js';
import type { ActivityDependencies } from '../dependencies.js';
import { revisionPlaces } from './revision-places.js';

/** It was ready when it was started; models that went away since do not come back. */
const READY_DEADLINE_MS = 30_000;

/** Asks a started revision as a client would, before it takes the name. */
export const createSmokeTest =
  ({ jobs, places }: ActivityDependencies) =>
  async ({
    name,
    number,
    description,
    endpoint,
  }: RevisionRequest & { endpoint: ServingEndpoint }): Promise<SmokeReport> => {
    const { jobId } = revisionPlaces(places, name, number);
    const { prompt, maxTokens, firstTokenWithinSeconds, finishWithinSeconds } = description.smoke;
    const client = createTritonClient({ url: endpoint.grpcUrl });
    try {
      return await smokeTest({
        client,
        models: ensembleModels,
        prompt,
        maxTokens,
        deadlines: {
          readyMs: READY_DEADLINE_MS,
          firstTokenMs: firstTokenWithinSeconds * 1000,
          finishMs: finishWithinSeconds * 1000,
        },
        stillAlive: async () => (await jobs.inspect(jobId)).state === 'running',
        requestId: `smoke-${activityInfo().activityId}`,
        signal: cancellationSignal(),
      });
    } finally {
      client.close();
    }
  };
