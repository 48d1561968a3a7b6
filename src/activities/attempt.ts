import { activityInfo } from '@temporalio/activity';

/** Names one run of an activity across its attempts: who may take back what an earlier attempt held. */
export function activityOwner(): string {
  const { workflowExecution, activityId } = activityInfo();
  return `${workflowExecution?.workflowId}/${workflowExecution?.runId}/${activityId}`;
}

/** Names one attempt: its records and scratch files are its own. */
export function attemptId(): string {
  const { workflowExecution, activityId, attempt } = activityInfo();
  return `${workflowExecution?.runId}-${activityId}-${attempt}`;
}
