import type { Client } from '@temporalio/client';
import { optionalTsToMs } from '@temporalio/common/lib/time.js';

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
  /** When one was, by Temporal's clock; of an attempt that waits, when the one before was. */
  startedAtMs: number | undefined;
  /** Names the process that has it, or had the attempt before. */
  workerIdentity: string;
  lastFailure: AttemptFailure | undefined;
}

/** How an attempt ended that was followed by another one. */
export interface AttemptFailure {
  /** Of ours, as in `ToolFailed`; Temporal's, as in `HEARTBEAT`, for a timeout. */
  type: string;
  message: string;
}

/** An activity that was scheduled, and how often it came to its end. */
export interface FinishedActivity
  extends Pick<PendingActivity, 'workflowId' | 'activityId' | 'type' | 'attempt' | 'startedAtMs' | 'lastFailure'> {
  /** When Temporal noted that it was to be done. */
  scheduledAtMs: number | undefined;
  /** What it was asked to do. */
  input: string;
  completions: number;
  /** What ended it for good, if that was a failure. */
  finalFailure: AttemptFailure | undefined;
}

/** What open workflows wait for; `deciding`: whether one of them has not yet said what comes next. */
export async function pendingWork({
  workflow,
  workflowService,
}: Client): Promise<{ activities: PendingActivity[]; deciding: boolean }> {
  const activities: PendingActivity[] = [];
  let deciding = false;
  for await (const { workflowId } of workflow.list({ query: "ExecutionStatus = 'Running'" })) {
    const found = await workflowService.describeWorkflowExecution({ namespace: 'default', execution: { workflowId } });
    deciding ||= Boolean(found.pendingWorkflowTask);
    for (const pending of found.pendingActivities ?? []) {
      activities.push({
        workflowId,
        activityId: pending.activityId ?? '',
        type: pending.activityType?.name ?? '',
        attempt: pending.attempt ?? 0,
        started: Number(pending.state) === STARTED,
        startedAtMs: optionalTsToMs(pending.lastStartedTime),
        workerIdentity: pending.lastWorkerIdentity ?? '',
        lastFailure: attemptFailure(pending.lastFailure),
      });
    }
  }
  return { activities, deciding };
}

/** Every activity in a workflow's history, with the attempt that ended it. */
export async function finishedActivities(client: Client, workflowId: string): Promise<FinishedActivity[]> {
  const { events } = await client.workflow.getHandle(workflowId).fetchHistory();
  const all = events ?? [];
  return all.flatMap(({ eventId, eventTime, activityTaskScheduledEventAttributes: scheduled }) => {
    if (!scheduled) return [];
    const isOf = (id: unknown): boolean => String(id) === String(eventId);
    const completions = all.filter(
      ({ activityTaskCompletedEventAttributes: done }) => done && isOf(done.scheduledEventId),
    );
    const started = all.find(({ activityTaskStartedEventAttributes: begun }) => begun && isOf(begun.scheduledEventId));
    const failed = all.find(
      ({ activityTaskFailedEventAttributes: failure }) => failure && isOf(failure.scheduledEventId),
    );
    return [
      {
        workflowId,
        activityId: scheduled.activityId ?? '',
        type: scheduled.activityType?.name ?? '',
        attempt: started?.activityTaskStartedEventAttributes?.attempt ?? 0,
        scheduledAtMs: optionalTsToMs(eventTime),
        startedAtMs: optionalTsToMs(started?.eventTime),
        lastFailure: attemptFailure(started?.activityTaskStartedEventAttributes?.lastFailure),
        finalFailure: attemptFailure(failed?.activityTaskFailedEventAttributes?.failure),
        input: Buffer.from(scheduled.input?.payloads?.[0]?.data ?? []).toString(),
        completions: completions.length,
      },
    ];
  });
}

const timeoutTypes = ['UNSPECIFIED', 'START_TO_CLOSE', 'SCHEDULE_TO_START', 'SCHEDULE_TO_CLOSE', 'HEARTBEAT'];

interface FailureOnTheWire {
  message?: string | null;
  applicationFailureInfo?: { type?: string | null } | null;
  timeoutFailureInfo?: { timeoutType?: unknown } | null;
}

function attemptFailure(failure: FailureOnTheWire | null | undefined): AttemptFailure | undefined {
  if (!failure) return undefined;
  const { applicationFailureInfo, timeoutFailureInfo, message } = failure;
  const timeout = timeoutFailureInfo && timeoutTypes[Number(timeoutFailureInfo.timeoutType)];
  return { type: timeout ?? applicationFailureInfo?.type ?? 'unknown', message: message ?? '' };
}
