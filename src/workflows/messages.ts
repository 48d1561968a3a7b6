import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import {
  type DeploymentState,
  deploymentMessages,
  type PromoteOutcome,
  type PromoteRequest,
  type YieldRequest,
} from '../contracts/deployment.js';
import type { PipelineProgress } from '../contracts/pipeline.js';

/** What the pipeline has done and does now. */
export const progressQuery = defineQuery<PipelineProgress>('progress');

/** Lets a parked pipeline try again what the Hub refused it. */
export const retrySignal = defineSignal('retry');

/** Current revision, endpoint and history of a deployment. */
export const describeQuery = defineQuery<DeploymentState>(deploymentMessages.describe);

/** Starts, smoke-tests and switches to a revision; the name keeps its old one when any of that fails. */
export const promoteUpdate = defineUpdate<PromoteOutcome, [PromoteRequest]>(deploymentMessages.promote);

/** Gives up a promotion, by its name, that has not taken the deployment's name yet. */
export const withdrawSignal = defineSignal<[string]>(deploymentMessages.withdraw);

/** Argument of the `rollback` update. */
export interface RollbackRequest {
  /** Number of an earlier revision. @default the newest earlier one that differs from what has the name */
  to?: number;
}

/** Answer of the `rollback` update. */
export interface RollbackOutcome extends PromoteOutcome {
  /** The revision that was brought back, under the number that the endpoint names. */
  rollbackOf: number;
}

/** Brings an earlier revision back, as a new one: started, smoke-tested and switched to as a promotion is. */
export const rollbackUpdate = defineUpdate<RollbackOutcome, [RollbackRequest]>(deploymentMessages.rollback);

/** Leaves the GPUs of what serves to the steps of a pipeline of the same name, until that has ended. */
export const yieldUpdate = defineUpdate<DeploymentState, [YieldRequest]>(deploymentMessages.yield);

/** Ends the serving Triton. The deployment keeps its history and can be promoted to again. */
export const stopUpdate = defineUpdate<DeploymentState>(deploymentMessages.stop);
