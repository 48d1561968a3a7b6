import { type ActionKeyParts, actionKey } from '../contracts/action-key.js';
import type { AdmittedSpec } from '../contracts/admitted-spec.js';
import type { ActionKey, Digest } from '../contracts/artifacts.js';
import type { StepInputs } from '../contracts/steps.js';
import type { StepPlan } from './step-plan.js';
import { stepVersions } from './step-plans.js';

/** The inputs of a plan that are present, by role; null as long as one is missing. */
export function completeInputs(plan: StepPlan, inputs: StepInputs): Record<string, Digest> | null {
  const given: Readonly<Record<string, Digest | undefined>> = inputs;
  const complete: Record<string, Digest> = {};
  for (const role of Object.keys(plan.inputs)) {
    const digest = given[role];
    if (digest === undefined) return null;
    complete[role] = digest;
  }
  return complete;
}

/** What a step's action key is the digest of. */
export const stepKeyParts = (
  plan: StepPlan,
  inputs: Record<string, Digest>,
  { toolchain, spec }: Pick<AdmittedSpec, 'toolchain' | 'spec'>,
): ActionKeyParts => ({
  step: plan.activity,
  stepVersion: stepVersions[plan.activity],
  toolchainIdentity: plan.usesToolchain ? toolchain.identity : null,
  parameters: plan.parameters,
  inputs,
  gpuArchitecture: plan.architectureBound ? spec.gpuClass : null,
});

/** The action key of a step whose inputs are known. */
export const stepKey = (...of: Parameters<typeof stepKeyParts>): ActionKey => actionKey(stepKeyParts(...of));
