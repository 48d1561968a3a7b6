import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker, type WorkflowBundleWithSourceMap } from '@temporalio/worker';
import { onTestFinished } from 'vitest';
import type { ActivityDependencies } from '../../src/activities/dependencies.js';
import { createCpuActivities, createGpuActivities } from '../../src/activities/index.js';
import { createActivityInterceptor } from '../../src/activities/interceptor.js';
import type { AdmittedSpec } from '../../src/contracts/admitted-spec.js';
import type { ArtifactReference } from '../../src/contracts/artifacts.js';
import type { PromoteOutcome, PromoteRequest } from '../../src/contracts/deployment.js';
import {
  type GateSummary,
  PIPELINE_WORKFLOW_TYPE,
  type PipelineProgress,
  type PipelineResult,
} from '../../src/contracts/pipeline.js';
import type { SpecInput } from '../../src/contracts/spec.js';
import type { StepId, StepRequest } from '../../src/contracts/steps.js';
import { CPU_TASK_QUEUE, gpuTaskQueue, WORKFLOW_TASK_QUEUE } from '../../src/contracts/task-queues.js';
import { progressQuery } from '../../src/workflows/messages.js';
import { testSpec } from './specs.js';

const scores = { rouge1: 1, rouge2: 1, rougeL: 1, rougeLsum: 1 };

/** What every gate here says, but for its verdict. */
const decided: GateSummary = {
  verdict: 'FAIL',
  reason: 'so it ends here',
  metric: 'rougeLsum',
  look: 1,
  looks: 1,
  articles: 16,
  meanDifference: 0,
  lowerBound: -1,
  upperBound: 1,
  marginPoints: 2,
  scores: { baseline: scores, candidate: scores },
  criteria: [],
  page: null,
};

interface RealStepsOptions {
  environment: TestWorkflowEnvironment;
  bundle: WorkflowBundleWithSourceMap;
  dependencies: ActivityDependencies;
  /** Steps that the real activities make, in the host's store. */
  real: readonly StepId[];
  /** What all other steps find. */
  found: ArtifactReference;
  /** What admission says. @default the real one asks the host's Hub */
  admitted?: AdmittedSpec;
  /** @default a spec for tests */
  spec?: SpecInput;
  /** What the gate says. @default it rejects, so that nothing is promoted */
  verdict?: 'PASS' | 'FAIL';
  /** Takes the promotions. @default the real one sends them to deployments */
  promote?: (request: PromoteRequest) => Promise<PromoteOutcome>;
}

/** A pipeline on a real server, in which some steps are made by the real activities, and the gate is not asked. */
export async function startPipelineOfRealSteps({
  environment,
  bundle,
  dependencies,
  real,
  found,
  admitted,
  spec = testSpec(),
  verdict = 'FAIL',
  promote,
}: RealStepsOptions) {
  const { client, nativeConnection: connection } = environment;
  const cpu = createCpuActivities(dependencies);
  const gpu = createGpuActivities(dependencies);
  const inbound = [
    (context: Parameters<typeof createActivityInterceptor>[0]) => ({ inbound: createActivityInterceptor(context) }),
  ];
  const interceptors = { activity: inbound };
  const reuses = ({ step }: StepRequest): boolean => !real.includes(step);
  const workers = await Promise.all([
    Worker.create({ connection, taskQueue: WORKFLOW_TASK_QUEUE, workflowBundle: bundle }),
    Worker.create({
      connection,
      taskQueue: CPU_TASK_QUEUE,
      interceptors,
      activities: {
        ...cpu,
        ...(admitted === undefined ? {} : { admit: async () => admitted }),
        locate: async (request: StepRequest) =>
          reuses(request) ? { key: 'k', queue: CPU_TASK_QUEUE, artifact: found } : cpu.locate(request),
        gate: async () => ({ key: 'k', artifact: found, status: 'ran', summary: { ...decided, verdict } }),
        ...(promote === undefined ? {} : { promote }),
      },
    }),
    ...[1, 2].map((count) =>
      Worker.create({ connection, taskQueue: gpuTaskQueue('cpu', count), interceptors, activities: gpu }),
    ),
  ]);
  const running = workers.map((worker) => worker.run());
  const handle = await client.workflow.start(PIPELINE_WORKFLOW_TYPE, {
    workflowId: `pipeline-${crypto.randomUUID()}`,
    taskQueue: WORKFLOW_TASK_QUEUE,
    args: [spec],
  });
  onTestFinished(async () => {
    if ((await handle.describe()).status.name === 'RUNNING') await handle.terminate();
    for (const worker of workers) worker.shutdown();
    await Promise.all(running);
  });
  return {
    handle,
    progress: (): Promise<PipelineProgress> => handle.query(progressQuery),
    result: async (): Promise<PipelineResult> => (await handle.result()) as PipelineResult,
    /** Every activity that was scheduled, in order. */
    scheduled: async (): Promise<string[]> =>
      ((await handle.fetchHistory()).events ?? []).flatMap(
        ({ activityTaskScheduledEventAttributes: scheduled }) => scheduled?.activityType?.name ?? [],
      ),
  };
}
