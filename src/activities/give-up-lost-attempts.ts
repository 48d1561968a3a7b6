import type { Client } from '@temporalio/client';
import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import type { Logger } from 'pino';
import { DEPLOYMENT_WORKFLOW_TYPE } from '../contracts/deployment.js';
import type { FailureType } from '../contracts/failures.js';
import { PIPELINE_WORKFLOW_TYPE } from '../contracts/pipeline.js';
import { isAbandoned } from '../platform/store/staging-owner.js';

/** `temporal.api.enums.v1.PendingActivityState`: a worker was given it and has not answered. */
const STARTED = 2;

/** In a namespace that others use too, theirs are not ours to judge. */
const OURS = `ExecutionStatus = 'Running' AND WorkflowType IN ('${PIPELINE_WORKFLOW_TYPE}', '${DEPLOYMENT_WORKFLOW_TYPE}')`;

/** An attempt that a worker of this host took with it when it was killed. */
interface LostAttempt {
  workflowId: string;
  runId: string;
  activityId: string;
  activity: string;
}

/**
 * Tells Temporal which running attempts ended with a killed worker of this host, so that they are taken up at once instead
 * of after their timeout: that is half a minute where there are heartbeats, and up to the longest honest run where there are
 * none. A worker's identity names its process for ever (`newStagingName`), so one that cannot be judged from here, on
 * another host or in another container, counts as alive.
 *
 * The retry policy's own wait comes between: what kills each worker that touches it does so ever more rarely.
 */
export async function giveUpLostAttempts({
  client,
  logger,
}: {
  client: Client;
  logger: Logger;
}): Promise<LostAttempt[]> {
  const lost: LostAttempt[] = [];
  for await (const { workflowId, runId } of client.workflow.list({ query: OURS })) {
    const { pendingActivities } = await client.workflowService.describeWorkflowExecution({
      namespace: client.options.namespace,
      execution: { workflowId, runId },
    });
    for (const { activityId, activityType, state, lastWorkerIdentity } of pendingActivities ?? []) {
      if (!activityId || !lastWorkerIdentity || Number(state) !== STARTED) continue;
      if (!isAbandoned({ name: lastWorkerIdentity, modifiedAtMs: Date.now() })) continue;
      const attempt = { workflowId, runId, activityId, activity: activityType?.name ?? '' };
      try {
        await client.activity.fail({ workflowId, runId, activityId }, workerLost());
        lost.push(attempt);
      } catch (failure) {
        // It has timed out, or its workflow has ended, just now: nothing waits for it.
        logger.info({ ...attempt, failure: `${failure}` }, 'a lost attempt was given up already');
      }
    }
  }
  return lost;
}

const workerLost = (): ApplicationFailure =>
  ApplicationFailure.create({
    type: 'WorkerLost' satisfies FailureType,
    message: 'The worker that ran this attempt was killed. The next attempt goes on from what it left.',
    category: ApplicationFailureCategory.BENIGN,
  });
