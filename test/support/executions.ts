import type { Client } from '@temporalio/client';

/** `temporal.api.enums.v1.PendingActivityState`. */
const STARTED = 2;

/** An activity that Temporal waits for. */
export interface PendingActivity {
  workflowId: string;
  /** Unique in its workflow; the same for every attempt. */
  activityId: string;
  type: string;
  attempt: number;
  /** Whether a worker was given this attempt. */
  started: boolean;
}

/** An activity that was scheduled, and how often it came to its end. */
export interface FinishedActivity extends Omit<PendingActivity, 'started'> {
  /** What it was asked to do. */
  input: string;
  completions: number;
}

/** What open workflows wait for; `deciding`: whether one of them has not yet said what comes next. */
export async function pendingWork({
  workflow,
  workflowService,
}: Client): Promise<{ open: string[]; activities: PendingActivity[]; deciding: boolean }> {
  const open: string[] = [];
  const activities: PendingActivity[] = [];
  let deciding = false;
  for await (const { workflowId } of workflow.list({ query: "ExecutionStatus = 'Running'" })) {
    const found = await workflowService.describeWorkflowExecution({ namespace: 'default', execution: { workflowId } });
    open.push(workflowId);
    deciding ||= Boolean(found.pendingWorkflowTask);
    for (const { activityId, activityType, attempt, state } of found.pendingActivities ?? []) {
      const type = activityType?.name ?? '';
      const started = Number(state) === STARTED;
      activities.push({ workflowId, activityId: activityId ?? '', type, attempt: attempt ?? 0, started });
    }
  }
  return { open, activities, deciding };
}

/** Every activity in a workflow's history, with the attempt that ended it. */
export async function finishedActivities(client: Client, workflowId: string): Promise<FinishedActivity[]> {
  const { events } = await client.workflow.getHandle(workflowId).fetchHistory();
  const all = events ?? [];
  return all.flatMap(({ eventId, activityTaskScheduledEventAttributes: scheduled }) => {
    if (!scheduled) return [];
    const isOf = (id: unknown): boolean => String(id) === String(eventId);
    const completions = all.filter(
      ({ activityTaskCompletedEventAttributes: done }) => done && isOf(done.scheduledEventId),
    );
    const started = all.find(({ activityTaskStartedEventAttributes: begun }) => begun && isOf(begun.scheduledEventId));
    return [
      {
        workflowId,
        activityId: scheduled.activityId ?? '',
        type: scheduled.activityType?.name ?? '',
        attempt: started?.activityTaskStartedEventAttributes?.attempt ?? 0,
        input: Buffer.from(scheduled.input?.payloads?.[0]?.data ?? []).toString(),
        completions: completions.length,
      },
    ];
  });
}
