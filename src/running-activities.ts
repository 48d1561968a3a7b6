import type { Client } from '@temporalio/client';
import { type HeartbeatDetails, heartbeatDetailsSchema } from './contracts/step-progress.js';
import { decodePayloads } from './decode-payloads.js';

/** `temporal.api.enums.v1.PendingActivityState`: a worker was given it and has not answered. */
const STARTED = 2;

/** An attempt at a step that runs now. */
export interface RunningActivity extends HeartbeatDetails {
  activity: string;
  attempt: number;
}

/** What runs of a pipeline, with what its workers said last. Those that say nothing, or something else, are left out. */
export async function readRunningActivities(
  client: Client,
  workflowId: string,
  runId: string | undefined,
): Promise<RunningActivity[]> {
  const { raw } = await client.workflow.getHandle(workflowId, runId).describe();
  const running = (raw.pendingActivities ?? [])
    .filter(({ state }) => Number(state) === STARTED)
    .map(async ({ activityType, attempt, heartbeatDetails }) => {
      const [details] = await decodePayloads(client, heartbeatDetails?.payloads ?? []);
      const parsed = heartbeatDetailsSchema.safeParse(details);
      return parsed.success ? [{ activity: activityType?.name ?? '', attempt: attempt ?? 0, ...parsed.data }] : [];
    });
  return (await Promise.all(running)).flat();
}
