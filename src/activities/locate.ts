import { type Digest, isContentRevision } from '../contracts/artifacts.js';
import type { Location, StepRequest } from '../contracts/steps.js';
import type { StepPlan } from '../toolchains/step-plan.js';
import type { ActivityDependencies } from './dependencies.js';
import { resolveStep } from './make-artifact.js';
import { rootOf } from './root-of.js';

/** Whether the store has what a step would make. A hit becomes a root of this run, so that it is not collected. */
export const createLocate =
  (dependencies: ActivityDependencies) =>
  async (request: StepRequest): Promise<Location> => {
    const { store } = dependencies;
    const { plan, key, remake } = resolveStep(request, dependencies);
    const { queue } = plan;
    const imported = importedDigest(plan);
    const artifact = imported === null ? await store.lookup(key, remake) : (await store.describe(imported))?.reference;
    if (artifact === undefined) return { key, queue, artifact: null };
    const isKept = await store.recordRoot(rootOf(request.admitted.spec, { key, digest: artifact.digest }));
    return { key, queue, artifact: isKept ? artifact : null };
  };

/** Of a model or dataset that is named by its content, and so is in the store from the start. */
function importedDigest({ activity, parameters }: StepPlan): Digest | null {
  if (activity !== 'download') return null;
  const commit = `${parameters.commit}`;
  return isContentRevision(commit) ? commit : null;
}
