import { activityInfo } from '@temporalio/activity';
import type { AdmittedSpec } from '../contracts/admitted-spec.js';
import type { Spec } from '../contracts/spec.js';
import type { Root } from '../platform/store/roots.js';
import { sideOf } from '../toolchains/sides.js';
import type { StepPlan } from '../toolchains/step-plan.js';

/** What the pipeline of this activity needs, as garbage collection is told. */
export function rootOf({ name }: Pick<Spec, 'name'>, { key, digest }: Pick<Root, 'key' | 'digest'>): Root {
  const { workflowExecution, namespace } = activityInfo();
  return {
    runId: workflowExecution?.runId ?? 'none',
    key,
    digest,
    workflowId: workflowExecution?.workflowId,
    namespace,
    name,
  };
}

/** The repository that a step fetches, or whose model it works on, with the beginning of its commit. */
export function sourceOf({ id, parameters }: StepPlan, { model, baselineModel }: AdmittedSpec): string {
  const { repository, commit } = parameters;
  if (typeof repository === 'string' && typeof commit === 'string') return `${repository}@${commit.slice(0, 12)}`;
  const source = sideOf(id) === 'baseline' ? baselineModel : model;
  return `${source.repository}@${source.commit.slice(0, 12)}`;
}
