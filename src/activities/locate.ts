import { activityInfo } from '@temporalio/activity';
import type { Location, StepRequest } from '../contracts/steps.js';
import type { ActivityDependencies } from './dependencies.js';
import { resolveStep } from './make-artifact.js';

/** Whether the store has what a step would make. A hit becomes a root of this run, so that it is not collected. */
export const createLocate =
  (dependencies: ActivityDependencies) =>
  async (request: StepRequest): Promise<Location> => {
    const { store } = dependencies;
    const { plan, key } = resolveStep(request, dependencies);
    const { queue } = plan;
    const artifact = await store.lookup(key);
    if (artifact === undefined) return { key, queue, artifact: null };
    await store.recordRoot({ runId: activityInfo().workflowExecution?.runId ?? 'none', key, digest: artifact.digest });
    return { key, queue, artifact };
  };
