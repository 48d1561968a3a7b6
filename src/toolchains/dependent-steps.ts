import { EnginesmithFailure } from '../contracts/failures.js';
import type { StepId } from '../contracts/steps.js';
import type { StepPlan } from './step-plan.js';

/** What every pipeline ends with. It makes no artifact, and is done in every run that comes to it. */
export const LAST_STEP = 'promote';

/**
 * A step and all that depend on it, in the order of the pipeline.
 * @param from a step's id, or `promote`, which nothing depends on
 * @throws EnginesmithFailure `NotFound` with the steps that there are
 */
export function stepsFrom(plans: readonly StepPlan[], from: string): StepId[] {
  if (from === LAST_STEP) return [];
  requireStep(plans, from);
  const made = new Set<string>();
  for (const { id, inputs } of plans) {
    const reads = Object.values(inputs).some((input) => typeof input === 'string' && made.has(input));
    if (id === from || reads) made.add(id);
  }
  return plans.map(({ id }) => id).filter((id) => made.has(id));
}

/** @throws EnginesmithFailure `NotFound` with the steps that there are */
export function requireStep(plans: readonly StepPlan[], step: string): void {
  const steps = [...plans.map(({ id }): string => id), LAST_STEP];
  if (steps.includes(step)) return;
  throw new EnginesmithFailure('NotFound', `This pipeline has no step "${step}". Its steps: ${steps.join(', ')}.`, {
    context: { step },
  });
}
