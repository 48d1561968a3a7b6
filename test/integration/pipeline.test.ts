import { WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker, type WorkflowBundleWithSourceMap } from '@temporalio/worker';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { PipelineActivities, StepActivities } from '../../src/contracts/activities.js';
import { PIPELINE_WORKFLOW_TYPE } from '../../src/contracts/pipeline.js';
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

/** Temporal's numbers for states of a pending activity. */
const STARTED = 2;
const CANCEL_REQUESTED = 3;

/** What most steps do here: they are found in the store. */
const found: Activities = {
  admit: async () => testAdmission(),
  locate: async ({ step }) => ({ key: 'k', artifact: { kind: 'model', digest: step, bytes: 1 } }),
};

/** Runs a pipeline over activities that the test names, until the scenario is over. */
async function withPipeline(
  activities: Activities,
  scenario: (pipeline: {
    /** Temporal's state of the one step that is under way. */
    stepState(): Promise<unknown>;
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
      stepState: async () => (await handle.describe()).raw.pendingActivities?.at(0)?.state,
      cancel: () => handle.cancel(),
      result: () => handle.result(),
    });
  } finally {
    if ((await handle.describe()).status.name === 'RUNNING') await handle.terminate();
    for (const worker of workers) worker.shutdown();
    await Promise.all(running);
  }
}

test('a pipeline whose step fails while it is being cancelled ends as cancelled, not as failed', () => {
  let release = (): void => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const activities: Activities = {
    ...found,
    locate: async ({ step }) => ({
      key: 'k',
      artifact: step === 'checkpoint' ? null : { kind: 'model', digest: step, bytes: 1 },
    }),
    quantize: async () => {
      await released;
      throw ApplicationFailure.retryable('2 of 2 leased', 'NoFreeGpu');
    },
  };
  return withPipeline(activities, async ({ cancel, result, stepState }) => {
    await until('running step', async () => (await stepState()) === STARTED || undefined);
    await cancel();
    await until('cancellation of the step', async () => (await stepState()) === CANCEL_REQUESTED || undefined);
    release();
    const failure = await result().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(WorkflowFailedError);
    expect(failure).toMatchObject({ cause: expect.any(CancelledFailure) });
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
