import type { Client } from '@temporalio/client';
import { canonicalDigest } from './contracts/canonical-json.js';
import { DEPLOYMENT_WORKFLOW_TYPE, type DeploymentState, deploymentWorkflowId } from './contracts/deployment.js';
import { parseSpec } from './contracts/parse-spec.js';
import {
  type ParkedStep,
  PIPELINE_WORKFLOW_TYPE,
  type PipelineProgress,
  type PipelineResult,
} from './contracts/pipeline.js';
import { searchAttributes } from './contracts/search-attributes.js';
import type { Spec, SpecInput } from './contracts/spec.js';
import { WORKFLOW_TASK_QUEUE } from './contracts/task-queues.js';
import { type PipelineHistory, readPipelineHistory } from './pipeline-history.js';
import { type Resumed, type ResumeOptions, resumePipeline } from './resume-pipeline.js';
import { type RunningActivity, readRunningActivities } from './running-activities.js';
import { checkSpec } from './toolchains/check-spec.js';
import {
  describeQuery,
  progressQuery,
  type RollbackOutcome,
  retrySignal,
  rollbackUpdate,
  stopUpdate,
} from './workflows/messages.js';
import type { quantizeBuildDeploy } from './workflows/quantize-build-deploy.js';

/** A query is answered by a worker: without one, it would wait for half a minute. */
const QUERY_TIMEOUT_MS = 5_000;

/** `temporal.api.enums.v1.PendingActivityState`: no worker has been given it yet. */
const SCHEDULED = 1;

/** `temporal.api.enums.v1.TaskQueueType` */
const ACTIVITY_QUEUE = 2;

/** One run of a pipeline. */
export interface PipelineRun {
  workflowId: string;
  runId: string;
}

/** An activity between two attempts, or before its first one where no worker takes it. */
export interface WaitingActivity {
  activity: string;
  /** The one that comes next. */
  attempt: number;
  /** Why the last one ended, or what the first one waits for. */
  message: string;
}

/** Starts pipelines and reads what they and deployments are doing. Errors of Temporal pass through as they are. */
export interface EnginesmithClient {
  /**
   * Starts the spec's pipeline, or attaches to it while it runs: the same spec is the same pipeline.
   * @throws EnginesmithFailure `InvalidSpec`
   */
  start(spec: SpecInput): Promise<PipelineRun>;
  /**
   * Starts a pipeline that ended again, under its workflow id and with what it had pinned, or says that it runs or came to its
   * verdict. What is complete is reused, but for what `from` names.
   * @throws EnginesmithFailure `NotFound`
   */
  resume(workflowId: string, options?: ResumeOptions): Promise<Resumed>;
  /** What Temporal remembers of a pipeline's newest run. Needs no worker. */
  history(workflowId: string): Promise<PipelineHistory>;
  /** Waits for a pipeline's end. @throws WorkflowFailedError when it failed or was cancelled */
  result(workflowId: string, runId?: string): Promise<PipelineResult>;
  /** What a pipeline has done and does now. Needs a worker, as every query does. */
  progress(workflowId: string, runId?: string): Promise<PipelineProgress>;
  /** What failed and will be tried again, or waits for a GPU, for another pipeline or for any worker. Needs none itself. */
  waiting(workflowId: string, runId?: string): Promise<WaitingActivity[]>;
  /** What runs now and how far it is, as workers told within the last seconds. Needs no worker itself. */
  running(workflowId: string, runId?: string): Promise<RunningActivity[]>;
  /** Asks a pipeline to end. It ends when its tools have: see `result`. */
  cancel(workflowId: string, runId?: string): Promise<void>;
  /** Lets a parked pipeline try again what it was refused. @returns what waited; empty where nothing did */
  retry(workflowId: string, runId?: string): Promise<ParkedStep[]>;
  deployments(): Promise<DeploymentState[]>;
  deployment(name: string): Promise<DeploymentState>;
  /**
   * Brings an earlier revision back under a new number: started, smoke-tested and switched to as a promotion is, in its turn
   * with them. Pipelines that were admitted before it become stale.
   * @param to number of the revision. @default the newest earlier one that differs from what has the name
   * @throws WorkflowUpdateFailedError when there is none, or it does not start or answer any more; the name stays as it was
   */
  rollback(name: string, to?: number): Promise<RollbackOutcome>;
  /** Ends the Triton behind a name. Its history stays, and it can be promoted to again. */
  stop(name: string): Promise<DeploymentState>;
}

/** Workflow id of a spec's pipeline. */
export const pipelineWorkflowId = (spec: Spec): string => `${spec.name}-${canonicalDigest(spec).slice(0, 12)}`;

/** @param options.client of the namespace in which Enginesmith's workers poll */
export function createEnginesmithClient({ client }: { client: Client }): EnginesmithClient {
  const { workflow } = client;
  const briefly = <Answer>(ask: () => Promise<Answer>): Promise<Answer> =>
    client.withDeadline(Date.now() + QUERY_TIMEOUT_MS, ask);
  const deployment = (name: string): Promise<DeploymentState> =>
    briefly(() => workflow.getHandle(deploymentWorkflowId(name)).query(describeQuery));
  /** Why no worker takes what stands in a queue; undefined where one polls it. */
  const unpolled = async (name: string): Promise<string | undefined> => {
    const { namespace } = client.options;
    const request = { namespace, taskQueue: { name }, taskQueueType: ACTIVITY_QUEUE };
    const { pollers } = await client.workflowService.describeTaskQueue(request);
    if (pollers.length > 0) return undefined;
    return `no worker polls ${name}. It goes on when one does; a queue -x<N> is polled by hosts that have N such GPUs.`;
  };

  return {
    async start(input) {
      const spec = parseSpec(input, 'the spec');
      checkSpec(spec);
      const { model, quantization, toolchain } = spec;
      const handle = await workflow.start<typeof quantizeBuildDeploy>(PIPELINE_WORKFLOW_TYPE, {
        workflowId: pipelineWorkflowId(spec),
        workflowIdConflictPolicy: 'USE_EXISTING',
        taskQueue: WORKFLOW_TASK_QUEUE,
        args: [spec],
        staticSummary: `${model.repository}@${model.revision} → ${quantization.format} on ${toolchain}`,
        typedSearchAttributes: [
          { key: searchAttributes.modelId, value: model.repository },
          { key: searchAttributes.quantization, value: quantization.format },
          { key: searchAttributes.pipelinePhase, value: 'admit' },
        ],
      });
      return { workflowId: handle.workflowId, runId: handle.firstExecutionRunId };
    },
    resume: (workflowId, options) => resumePipeline(client, workflowId, options),
    history: (workflowId) => readPipelineHistory(client, workflowId),
    result: (workflowId, runId) => workflow.getHandle<typeof quantizeBuildDeploy>(workflowId, runId).result(),
    progress: (workflowId, runId) => briefly(() => workflow.getHandle(workflowId, runId).query(progressQuery)),
    async waiting(workflowId, runId) {
      const { raw } = await workflow.getHandle(workflowId, runId).describe();
      const waiting = (raw.pendingActivities ?? []).map(async ({ activityType, attempt, ...pending }) => {
        // Of one that runs, the server still tells what its attempt before failed of.
        if (pending.state !== SCHEDULED) return [];
        const queue = pending.activityOptions?.taskQueue?.name;
        const message = pending.lastFailure?.message || (queue ? await unpolled(queue) : undefined);
        return message && activityType?.name ? [{ activity: activityType.name, attempt: attempt ?? 0, message }] : [];
      });
      return (await Promise.all(waiting)).flat();
    },
    running: (workflowId, runId) => readRunningActivities(client, workflowId, runId),
    async cancel(workflowId, runId) {
      await workflow.getHandle(workflowId, runId).cancel();
    },
    async retry(workflowId, runId) {
      const handle = workflow.getHandle(workflowId, runId);
      const { parked = [] } = await briefly(() => handle.query(progressQuery));
      if (parked.length > 0) await handle.signal(retrySignal);
      return parked;
    },
    async deployments() {
      const query = `WorkflowType = '${DEPLOYMENT_WORKFLOW_TYPE}' AND ExecutionStatus = 'Running'`;
      const states: DeploymentState[] = [];
      for await (const { workflowId } of workflow.list({ query })) {
        states.push(await briefly(() => workflow.getHandle(workflowId).query(describeQuery)));
      }
      return states.sort((left, right) => left.name.localeCompare(right.name));
    },
    deployment,
    async rollback(name, to) {
      // As for `stop`.
      await deployment(name);
      return workflow
        .getHandle(deploymentWorkflowId(name))
        .executeUpdate(rollbackUpdate, { args: [to === undefined ? {} : { to }] });
    },
    async stop(name) {
      // An update waits for a worker without end; a question says soon that there is none.
      await deployment(name);
      return workflow.getHandle(deploymentWorkflowId(name)).executeUpdate(stopUpdate);
    },
  };
}
