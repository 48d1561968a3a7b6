import { WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker, type WorkflowBundleWithSourceMap } from '@temporalio/worker';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { PipelineActivities, StepActivities } from '../../src/contracts/activities.js';
import { PIPELINE_WORKFLOW_TYPE, type PipelineProgress } from '../../src/contracts/pipeline.js';
import { CPU_TASK_QUEUE, gpuTaskQueue, WORKFLOW_TASK_QUEUE } from '../../src/contracts/task-queues.js';
import { testAdmission, testSpec } from '../support/specs.js';
import { startTemporal } from '../support/temporal.js';
import { until } from '../support/until.js';

let environment: TestWorkflowEnvironment;
let bundle: WorkflowBundleWithSourceMap;

beforeAll(async () => {
  ({ environment, bundle } = await startTemporal());
}, 120_000);

afterAll(() => environment.teardown());

type Activities = Partial<PipelineActivities & StepActivities>;

/** What most steps do here: they are found in the store. */
const found: Activities = {
  admit: async () => testAdmission(),
  locate: async ({ step }) => ({ key: 'k', artifact: { kind: 'model', digest: step, bytes: 1 } }),
};

/** Runs a pipeline over activities that the test names, until the scenario is over. */
async function withPipeline(
  activities: Activities,
  scenario: (pipeline: {
    progress(): Promise<PipelineProgress>;
    cancel(): Promise<unknown>;
    result(): Promise<unknown>;
  }) => Promise<void>,
): Promise<void> {
  const { client, nativeConnection: connection } = environment;
  const workers = await Promise.all([
    Worker.create({ connection, taskQueue: WORKFLOW_TASK_QUEUE, workflowBundle: bundle }),
    Worker.create({ connection, taskQueue: CPU_TASK_QUEUE, activities }),
    Worker.create({ connection, taskQueue: gpuTaskQueue('cpu', 1), activities }),
  ]);
  const running = workers.map((worker) => worker.run());
  const handle = await client.workflow.start(PIPELINE_WORKFLOW_TYPE, {
    workflowId: `pipeline-${crypto.randomUUID()}`,
    taskQueue: WORKFLOW_TASK_QUEUE,
    args: [testSpec()],
  });
  try {
    await scenario({
      progress: () => handle.query<PipelineProgress>('progress'),
      cancel: () => handle.cancel(),
      result: () => handle.result(),
    });
  } finally {
    if ((await handle.describe()).status.name === 'RUNNING') await handle.terminate();
    for (const worker of workers) worker.shutdown();
    await Promise.all(running);
  }
}

test('a pipeline that is cancelled while a step waits for a GPU ends as cancelled, not as failed', () => {
  let tried = 0;
  const activities: Activities = {
    ...found,
    locate: async ({ step }) => ({
      key: 'k',
      artifact: step === 'checkpoint' ? null : { kind: 'model', digest: step, bytes: 1 },
    }),
    quantize: async () => {
      tried += 1;
      throw ApplicationFailure.create({ message: '2 of 2 leased', type: 'NoFreeGpu', nextRetryDelay: '100ms' });
    },
  };
  return withPipeline(activities, async ({ cancel, result, progress }) => {
    await until('a second attempt', async () => (tried > 1 ? true : undefined));
    await cancel();
    const failure = await result().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(WorkflowFailedError);
    expect(failure).toMatchObject({ cause: expect.any(CancelledFailure) });
    const { steps } = await progress();
    expect(steps.find(({ name }) => name === 'checkpoint')?.state).not.toBe('running');
  });
});

test('a step that fails for good ends its pipeline with the failure of that step, and its sibling is cancelled', () =>
  withPipeline(
    {
      ...found,
      locate: async ({ step }) => ({
        key: 'k',
        artifact: step.endsWith('checkpoint') ? null : { kind: 'model', digest: step, bytes: 1 },
      }),
      convert: async () => {
        throw ApplicationFailure.nonRetryable('no rank0.safetensors', 'ToolOutputInvalid');
      },
      quantize: async () => {
        throw ApplicationFailure.create({ message: '2 of 2 leased', type: 'NoFreeGpu', nextRetryDelay: '100ms' });
      },
    },
    async ({ result }) => {
      const failure = await result().catch((error: unknown) => error);
      expect(failure).toMatchObject({ cause: { cause: { type: 'ToolOutputInvalid' } } });
    },
  ));
