import { ActivityFailure, ApplicationFailure, TimeoutFailure } from '@temporalio/workflow';

const application = (failure: unknown): ApplicationFailure | null =>
  failure instanceof ActivityFailure && failure.cause instanceof ApplicationFailure ? failure.cause : null;

/** The type under which an activity failed; null for any other failure. */
export const activityFailureType = (failure: unknown): string | null => application(failure)?.type ?? null;

/** What an activity said about an earlier revision, with the revision that it is about: the caller may not have named one. */
export function aboutRevision(failure: unknown, number: number): unknown {
  const cause = application(failure);
  if (cause === null) return failure;
  return ApplicationFailure.create({
    ...(cause.type && { type: cause.type }),
    message: `Revision ${number} could not be brought back: ${cause.message}`,
    nonRetryable: true,
    details: cause.details ?? [],
    cause,
  });
}

/** Whether an activity has waited for a GPU as long as it may. */
export function isWaitForGpu(failure: unknown): boolean {
  if (activityFailureType(failure) === 'NoFreeGpu') return true;
  const cause = failure instanceof ActivityFailure ? failure.cause : undefined;
  const last = cause instanceof TimeoutFailure ? cause.cause : undefined;
  return last instanceof ApplicationFailure && last.type === 'NoFreeGpu';
}

/** A deployment's state is its argument and is asked for by everybody: the end of a log does not belong there. */
const SENTENCE_LENGTH = 600;

/** What went wrong, without the layers that Temporal puts around it. */
export function sentenceOf(failure: unknown): string {
  let deepest = failure;
  while (deepest instanceof Error && deepest.cause instanceof Error) deepest = deepest.cause;
  const sentence = deepest instanceof Error ? deepest.message : `${deepest}`;
  return sentence.length > SENTENCE_LENGTH ? `${sentence.slice(0, SENTENCE_LENGTH)}…` : sentence;
}
