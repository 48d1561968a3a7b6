import { ActivityFailure, ApplicationFailure } from '@temporalio/workflow';
import { type FailureType, failureTypes } from '../contracts/failures.js';
import { type AppliedRemedy, MAXIMUM_REMEDIES, type RemedyKind, type RemedyName } from '../contracts/remedies.js';
import type { StepOutcome, StepRequest } from '../contracts/steps.js';

/** A remedy that the spec allows. */
type AllowedRemedy = AppliedRemedy & { name: RemedyName };

/**
 * Runs a step, and where it fails with a remedy that the spec allows, again with that. The activity that fails says which,
 * because only workers know command lines: nothing here has to change when a remedy is added.
 * @param applied is told each remedy before the step is tried with it
 */
export async function withRemedies(
  request: StepRequest,
  run: (request: StepRequest) => Promise<StepOutcome>,
  applied: (remedy: AppliedRemedy) => void,
): Promise<StepOutcome> {
  const remedies: AllowedRemedy[] = [];
  for (;;) {
    try {
      return await run(remedies.length === 0 ? request : { ...request, remedies: remedies.map(({ name }) => name) });
    } catch (failure) {
      const remedy = remedyOf(failure);
      if (remedy === null || remedies.length >= MAXIMUM_REMEDIES) throw failure;
      remedies.push(remedy);
      applied(remedy);
    }
  }
}

/** The remedy in a failure's details; null where it has none. */
function remedyOf(failure: unknown): AllowedRemedy | null {
  const cause = failure instanceof ActivityFailure ? failure.cause : undefined;
  if (!(cause instanceof ApplicationFailure) || !isFailureType(cause.type)) return null;
  const details: unknown = cause.details?.[0];
  if (!isRecord(details)) return null;
  const { remedy: name, remedyKind: kind, remedyChange: change } = details;
  return isName(name) && isKind(kind) && typeof change === 'string' ? { name, kind, after: cause.type, change } : null;
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
const isFailureType = (type: string | null | undefined): type is FailureType =>
  typeof type === 'string' && type in failureTypes;
/** Names are the workers' business: one that is added later goes through here as it is. */
const isName = (name: unknown): name is RemedyName => typeof name === 'string';
const isKind = (kind: unknown): kind is RemedyKind => kind === 'execution' || kind === 'semantic';
