import { activityInfo } from '@temporalio/activity';
import type { Client } from '@temporalio/client';
import { CancelledFailure } from '@temporalio/common';
import type { Borrower } from '../contracts/deployment.js';

/** Names one run of an activity across its attempts: who may take back what an earlier attempt held. */
export function activityOwner(): string {
  const { workflowExecution, activityId } = activityInfo();
  return `${workflowExecution?.workflowId}/${workflowExecution?.runId}/${activityId}`;
}

/** The run that an activity is a step of. */
export function activityRun(): Borrower {
  const { workflowExecution } = activityInfo();
  return { pipeline: workflowExecution?.workflowId ?? '', runId: workflowExecution?.runId ?? '' };
}

/** Names one attempt: its records and scratch files are its own. */
export function attemptId(): string {
  const { workflowExecution, activityId, attempt } = activityInfo();
  return `${workflowExecution?.runId}-${activityId}-${attempt}`;
}

/**
 * Whether an activity's signal was aborted because somebody cancelled it. All other reasons are about this attempt alone: its
 * worker shuts down, or its heartbeats did not get through and the server has given it up.
 */
export const isCancelRequest = (reason: unknown): boolean =>
  reason instanceof CancelledFailure && reason.message === 'CANCELLED';

/** An attempt that was given up after this part of its time had its chance: it was no lost heartbeat. */
const WHOLE_ATTEMPT = 0.9;

/**
 * Whether a tool is to end with the attempt that started it, or is left to the next one: hours of GPU work outlive a worker,
 * an outage of Temporal and a lost claim. They do not outlive their workflow, nor the time that one attempt has.
 * @param startedAtMs when the attempt began, by `Date.now()`
 */
export async function endsWithAttempt(
  { client, startedAtMs }: { client: Client; startedAtMs: number },
  reason: unknown,
): Promise<boolean> {
  if (isCancelRequest(reason)) return true;
  if (!(reason instanceof CancelledFailure) || reason.message === 'WORKER_SHUTDOWN') return false;
  const { workflowExecution, startToCloseTimeoutMs } = activityInfo();
  if (Date.now() - startedAtMs > startToCloseTimeoutMs * WHOLE_ATTEMPT) return true;
  if (workflowExecution === undefined) return false;
  const { workflowId, runId } = workflowExecution;
  return client.workflow
    .getHandle(workflowId, runId)
    .describe()
    .then(
      ({ status }) => status.name !== 'RUNNING',
      () => false,
    );
}
