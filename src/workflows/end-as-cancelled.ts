import { CancellationScope, CancelledFailure, isCancellation } from '@temporalio/workflow';

/**
 * Runs a workflow's work. Once its cancellation is asked for, an activity that waits for its next attempt gets none, and the
 * failure of its last one comes out instead of a cancellation: a wait for a GPU, a heartbeat that a killed worker missed.
 * Whoever cancelled is told that it was cancelled.
 */
export async function endAsCancelled<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (failure) {
    if (!CancellationScope.current().consideredCancelled || isCancellation(failure)) throw failure;
    throw new CancelledFailure(`cancelled; the last failure before it: ${failure}`);
  }
}
