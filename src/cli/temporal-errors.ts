import {
  isGrpcServiceError,
  QueryNotRegisteredError,
  ServiceError,
  WorkflowFailedError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
} from '@temporalio/client';
import {
  ApplicationFailure,
  CancelledFailure,
  NamespaceNotFoundError,
  TerminatedFailure,
  TimeoutFailure,
} from '@temporalio/common';
import { deploymentName } from '../contracts/deployment.js';
import { EnginesmithFailure, type FailureType, failureTypes } from '../contracts/failures.js';

/** What ended a workflow, below all the layers in which Temporal wraps it. */
export interface RootFailure {
  /** Ours where a step failed; `Cancelled`, `Terminated` and `TimedOut` are Temporal's own. */
  type: string;
  message: string;
}

/** The innermost failure that says something: deeper causes are details of the one that our code raised. */
export function rootFailure(failure: unknown): RootFailure {
  for (let current = failure; current instanceof Error; current = current.cause) {
    if (current instanceof ApplicationFailure) return { type: current.type ?? 'Error', message: current.message };
    if (current instanceof CancelledFailure) return { type: 'Cancelled', message: 'the pipeline was cancelled' };
    if (current instanceof TerminatedFailure) return { type: 'Terminated', message: 'the pipeline was terminated' };
    if (current instanceof TimeoutFailure && !(current.cause instanceof ApplicationFailure)) {
      return { type: 'TimedOut', message: `${current.message} (${current.timeoutType})` };
    }
    if (!(current.cause instanceof Error)) return { type: current.name, message: current.message };
  }
  return { type: 'Error', message: `${failure}` };
}

const isFailureType = (type: string): type is FailureType => Object.hasOwn(failureTypes, type);

/** Whether nobody was there to answer: no server, or no worker. Time may heal it. */
export const isUnanswered = (error: unknown): error is Error =>
  error instanceof QueryNotRegisteredError || error instanceof ServiceError || isGrpcServiceError(error);

/** An error of Temporal's client as a failure that says what to do; anything else as it is. */
export function translateTemporalError(error: unknown): unknown {
  if (error instanceof WorkflowNotFoundError) {
    const deployment = deploymentName(error.workflowId);
    const message =
      deployment === undefined
        ? `There is no workflow "${error.workflowId}". The Web UI lists those that are there.`
        : `There is no deployment "${deployment}". \`npx enginesmith deployments\` lists those that are there.`;
    return new EnginesmithFailure('NotFound', message, { cause: error });
  }
  if (error instanceof NamespaceNotFoundError) {
    return new EnginesmithFailure(
      'PrerequisiteMissing',
      `Temporal has no namespace "${error.namespace}". TEMPORAL_NAMESPACE, or the profile of the temporal CLI, names it.`,
      { cause: error },
    );
  }
  if (error instanceof WorkflowUpdateFailedError || error instanceof WorkflowFailedError) {
    const { type, message } = rootFailure(error);
    return isFailureType(type) ? new EnginesmithFailure(type, message, { cause: error }) : error;
  }
  if (isUnanswered(error)) {
    return new EnginesmithFailure(
      'PrerequisiteMissing',
      `Temporal or its worker does not answer: ${error.message}. Is a worker running? \`npx enginesmith dev\` starts one.`,
      { cause: error },
    );
  }
  return error;
}
