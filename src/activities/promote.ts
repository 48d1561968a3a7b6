import { addAbortListener } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { cancellationSignal, log } from '@temporalio/activity';
import { type Client, WithStartWorkflowOperation, WorkflowUpdateFailedError } from '@temporalio/client';
import { ActivityFailure, ApplicationFailure, TimeoutFailure, WorkflowNotFoundError } from '@temporalio/common';
import {
  DEPLOYMENT_WORKFLOW_TYPE,
  type DeploymentState,
  deploymentMessages,
  deploymentWorkflowId,
  emptyDeployment,
  type PromoteOutcome,
  type PromoteRequest,
} from '../contracts/deployment.js';
import { WORKFLOW_TASK_QUEUE } from '../contracts/task-queues.js';
import { isCancelRequest } from './attempt.js';
import type { ActivityDependencies } from './dependencies.js';
import { requireProvenance } from './require-provenance.js';

const WITHDRAW_AGAIN_MS = 250;

type DeploymentWorkflow = (state: DeploymentState) => Promise<void>;

/**
 * Sends a revision to its deployment, which is started where there is none, and waits for what becomes of it. The update
 * has an id of its own, so another attempt waits for the same promotion instead of asking for a second one. A cancelled
 * pipeline withdraws its promotion and waits as well: the deployment decides alone whether it was in time, and the answer is
 * the truth. A worker that shuts down does not wait: the next attempt does.
 */
export const createPromote =
  (dependencies: ActivityDependencies) =>
  async (request: PromoteRequest): Promise<PromoteOutcome> => {
    const { client } = dependencies;
    const signal = cancellationSignal();
    await requireProvenance(dependencies, request.revision);
    if (isCancelRequest(signal.reason)) throw signal.reason;
    const startWorkflowOperation = new WithStartWorkflowOperation<DeploymentWorkflow>(DEPLOYMENT_WORKFLOW_TYPE, {
      workflowId: deploymentWorkflowId(request.name),
      taskQueue: WORKFLOW_TASK_QUEUE,
      args: [emptyDeployment(request.name)],
      workflowIdConflictPolicy: 'USE_EXISTING',
      staticSummary: `Owns the endpoint ${request.name}`,
    });
    const promotion = client.workflow.executeUpdateWithStart<DeploymentWorkflow, PromoteOutcome, [PromoteRequest]>(
      deploymentMessages.promote,
      { startWorkflowOperation, updateId: request.promotion, args: [request] },
    );
    const withdraw = (): void => {
      if (isCancelRequest(signal.reason)) void withdrawPromotion(client, request, promotion);
    };
    const listener = addAbortListener(signal, withdraw);
    try {
      return await Promise.race([promotion, givenUp(signal)]);
    } catch (failure) {
      throw failure instanceof WorkflowUpdateFailedError ? refusal(failure, request.revision.host) : failure;
    } finally {
      listener[Symbol.dispose]();
    }
  };

/** Until the promotion is over: the deployment may not be there yet that it is sent to. */
async function withdrawPromotion(client: Client, request: PromoteRequest, promotion: Promise<unknown>): Promise<void> {
  let isOver = false;
  const over = promotion
    .catch(() => {})
    .then(() => {
      isOver = true;
    });
  const deployment = client.workflow.getHandle(deploymentWorkflowId(request.name));
  while (!isOver) {
    try {
      return await deployment.signal(deploymentMessages.withdraw, request.promotion);
    } catch (failure) {
      log.warn('the promotion could not be withdrawn', { failure: `${failure}` });
      if (!(failure instanceof WorkflowNotFoundError)) return;
      await Promise.race([over, delay(WITHDRAW_AGAIN_MS)]);
    }
  }
}

/** Rejects when this attempt is given up. A cancellation that somebody asked for is none of that. */
const givenUp = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    const onAbort = (): void => {
      if (!isCancelRequest(signal.reason)) reject(signal.reason);
    };
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });

/** The deployment's own reason, under its own type, so that the pipeline's failure says what happened there. */
function refusal(failure: WorkflowUpdateFailedError, host: string): ApplicationFailure {
  const { cause } = failure;
  const outcome = cause instanceof ActivityFailure ? cause.cause : cause;
  // What the last attempt said tells more than that there was no time for another one.
  const root = outcome instanceof TimeoutFailure && outcome.cause ? outcome.cause : outcome;
  const type = root instanceof ApplicationFailure ? root.type : undefined;
  const unanswered = `no worker of ${host} with the role "serve" has started and tested the revision in time`;
  return ApplicationFailure.create({
    type: type ?? 'TritonUnavailable',
    message: root instanceof TimeoutFailure ? unanswered : (root?.message ?? failure.message),
    nonRetryable: true,
    ...(root instanceof ApplicationFailure && root.details ? { details: root.details } : {}),
  });
}
