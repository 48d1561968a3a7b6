import { Context } from '@temporalio/activity';
import { WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker, type WorkflowBundleWithSourceMap } from '@temporalio/worker';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { PipelineActivities, StepActivities } from '../../src/contracts/activities.js';
import { type GateSummary, PIPELINE_WORKFLOW_TYPE, type PipelineResult } from '../../src/contracts/pipeline.js';
import type { Location, StepId, StepRequest } from '../../src/contracts/steps.js';
import { CPU_TASK_QUEUE, gpuTaskQueue, WORKFLOW_TASK_QUEUE } from '../../src/contracts/task-queues.js';
import { createEnginesmithClient, type WaitingActivity } from '../../src/enginesmith-client.js';
import type { RunningActivity } from '../../src/running-activities.js';
import { testAdmission, testSpec } from '../support/specs.js';
import { startTemporal } from '../support/temporal.js';
import { until } from '../support/until.js';

let environment: TestWorkflowEnvironment;
let bundle: WorkflowBundleWithSourceMap;

beforeAll(async () => {
  ({ environment, bundle } = await startTemporal());
});

afterAll(() => environment.teardown());

type Activities = Partial<PipelineActivities & StepActivities>;

/** Temporal's numbers for states of a pending activity. */
const STARTED = 2;
const CANCEL_REQUESTED = 3;

const located = (step: StepId): Location => ({
  key: 'k',
  queue: CPU_TASK_QUEUE,
  artifact: { kind: 'model', digest: step, bytes: 1 },
});

const missed: Location = { key: 'k', queue: CPU_TASK_QUEUE, artifact: null };

/** What most steps do here: they are found in the store. */
const found: Activities = {
  admit: async () => testAdmission(),
  locate: async ({ step }) => located(step),
};

/** Runs a pipeline over activities that the test names, until the scenario is over. */
async function withPipeline(
  activities: Activities,
  scenario: (pipeline: {
    /** Temporal's state of an activity while it is pending. */
    stateOf(activity: keyof StepActivities): Promise<unknown>;
    waiting(): Promise<WaitingActivity[]>;
    running(): Promise<RunningActivity[]>;
    cancel(): Promise<unknown>;
    result(): Promise<unknown>;
  }) => Promise<void>,
): Promise<void> {
  const { client, nativeConnection: connection } = environment;
  const workers = await Promise.all([
    Worker.create({ connection, taskQueue: WORKFLOW_TASK_QUEUE, workflowBundle: bundle }),
    Worker.create({ connection, taskQueue: CPU_TASK_QUEUE, activities }),
  ]);
  const running = workers.map((worker) => worker.run());
  const handle = await client.workflow.start(PIPELINE_WORKFLOW_TYPE, {
    workflowId: `pipeline-${crypto.randomUUID()}`,
    taskQueue: WORKFLOW_TASK_QUEUE,
    args: [testSpec()],
  });
  try {
    await scenario({
      stateOf: async (activity) =>
        (await handle.describe()).raw.pendingActivities?.find(({ activityType }) => activityType?.name === activity)
          ?.state,
      waiting: () => createEnginesmithClient({ client }).waiting(handle.workflowId),
      running: () => createEnginesmithClient({ client }).running(handle.workflowId),
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
    locate: async ({ step }) => (step === 'checkpoint' ? missed : located(step)),
    quantize: async () => {
      await released;
      throw ApplicationFailure.retryable('2 of 2 leased', 'NoFreeGpu');
    },
  };
  return withPipeline(activities, async ({ cancel, result, stateOf }) => {
    await until('running step', async () => (await stateOf('quantize')) === STARTED || undefined);
    await cancel();
    await until('cancellation', async () => (await stateOf('quantize')) === CANCEL_REQUESTED || undefined);
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
      locate: async ({ step }) => (step.endsWith('checkpoint') ? missed : located(step)),
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

test('a step that runs waits for nothing, whatever its attempt before failed of', () => {
  let release = (): void => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  let attempts = 0;
  const activities: Activities = {
    ...found,
    locate: async ({ step }) => (step === 'checkpoint' ? missed : located(step)),
    quantize: async () => {
      attempts += 1;
      if (attempts > 1) await released;
      throw ApplicationFailure.create({ message: '2 of 2 leased', type: 'NoFreeGpu', nextRetryDelay: '3s' });
    },
  };
  return withPipeline(activities, async ({ waiting, stateOf }) => {
    await until(
      'waiting step',
      async () => (await waiting()).some(({ message }) => /leased/.test(message)) || undefined,
    );
    await until('second attempt', async () => attempts > 1 || undefined);
    expect(await stateOf('quantize')).toBe(STARTED);
    expect(await waiting()).toEqual([]);
    release();
  });
});

test('a step for more GPUs than any host has says that no worker polls for it', () => {
  const locate: Activities['locate'] = async ({ step }) =>
    step === 'checkpoint' ? { ...missed, queue: gpuTaskQueue('cpu', 6) } : located(step);
  return withPipeline({ ...found, locate }, async ({ waiting }) => {
    const [step] = await until('waiting step', async () => {
      const activities = await waiting();
      return activities.length > 0 ? activities : undefined;
    });
    const message = expect.stringContaining('no worker polls enginesmith-gpu-cpu-x6');
    expect(step).toEqual({ activity: 'quantize', attempt: 1, message });
  });
});

test('a running step says how far it is, and one whose heartbeats say something else is left out', () => {
  const progress = { phase: 'calibrating', done: 3, total: 8, unit: 'batches', ratePerSecond: 0.5, etaSeconds: 10 };
  const details = { step: 'checkpoint', host: 'gpu-1', progress };
  const beating = (beat: unknown) => async (): Promise<never> => {
    Context.current().heartbeat(beat);
    return Context.current().cancelled;
  };
  return withPipeline(
    {
      ...found,
      locate: async ({ step }) => (step.endsWith('checkpoint') ? missed : located(step)),
      convert: beating({ percent: 50 }),
      quantize: beating(details),
    },
    async ({ running, stateOf, cancel }) => {
      await until('running steps', async () => (await stateOf('convert')) === STARTED || undefined);
      const activities = await until('progress', async () => {
        const told = await running();
        return told.length > 0 ? told : undefined;
      });
      expect(activities).toEqual([{ activity: 'quantize', attempt: 1, ...details }]);
      await cancel();
    },
  );
});

/** A gate that says one thing at each look, and remembers what it was given. */
function gateThatSays(verdicts: GateSummary['verdict'][]) {
  const requests: StepRequest[] = [];
  const gate: StepActivities['gate'] = async (request) => {
    requests.push(request);
    const look = requests.length;
    const scores = { rouge1: 1, rouge2: 1, rougeL: 1, rougeLsum: 1 };
    return {
      key: 'k',
      artifact: { kind: 'gate-evidence', digest: request.step, bytes: 1 },
      status: 'ran',
      summary: {
        verdict: verdicts[look - 1] ?? 'FAIL',
        reason: `look ${look}`,
        metric: 'rougeLsum',
        look,
        looks: 3,
        articles: 16,
        meanDifference: 0,
        lowerBound: -1,
        upperBound: 1,
        marginPoints: 2,
        scores: { baseline: scores, candidate: scores },
        criteria: [],
        page: null,
      },
    };
  };
  return { gate, requests };
}

const threeLooks = testAdmission(testSpec(({ gate }) => Object.assign(gate, { articles: 64 })));

test('an undecided gate looks again at more articles, and stops as soon as it is decided', () => {
  const { gate, requests } = gateThatSays(['INCONCLUSIVE', 'FAIL']);
  const asked: StepId[] = [];
  const locate: Activities['locate'] = async ({ step }) => {
    asked.push(step);
    return located(step);
  };
  return withPipeline({ ...found, admit: async () => threeLooks, locate, gate }, async ({ result }) => {
    const { verdict, reason, evidence } = pipelineResult(await result());
    expect({ verdict, reason, evidence: evidence.digest }).toEqual({
      verdict: 'REJECTED',
      reason: 'look 2',
      evidence: 'gate-2',
    });
    expect(requests.map(({ step }) => step)).toEqual(['gate-1', 'gate-2']);
    expect(requests[1]?.inputs).toEqual({
      evaluationDataset: 'dataset',
      engine: 'engine',
      'candidate-1': 'evaluation-1',
      'baseline-1': 'baseline-evaluation-1',
      'agreement-1': 'agreement-1',
      'candidate-2': 'evaluation-2',
      'baseline-2': 'baseline-evaluation-2',
      'agreement-2': 'agreement-2',
    });
    expect(asked).toContain('shard-3');
    expect(asked).not.toContain('evaluation-3');
    expect(new Set(asked).size).toBe(asked.length);
  });
});

test('a gate that is undecided after its last look promotes nothing', () => {
  const { gate } = gateThatSays(['INCONCLUSIVE', 'INCONCLUSIVE', 'INCONCLUSIVE']);
  const activities = { ...found, admit: async () => threeLooks, gate };
  return withPipeline(activities, async ({ result }) => {
    expect(pipelineResult(await result())).toMatchObject({
      verdict: 'INCONCLUSIVE',
      deployment: null,
      gate: { look: 3 },
    });
  });
});

test('a baseline that is pinned is neither built nor asked', () => {
  const pinned = testAdmission(
    testSpec(({ gate }) => Object.assign(gate, { baseline: { source: 'evaluations', evaluations: ['e'.repeat(64)] } })),
  );
  const admitted = {
    ...pinned,
    pinnedEvaluations: [{ kind: 'evaluation', digest: 'e'.repeat(64), bytes: 1 } as const],
  };
  const { gate, requests } = gateThatSays(['FAIL']);
  const asked: StepId[] = [];
  const locate: Activities['locate'] = async ({ step }) => {
    asked.push(step);
    return located(step);
  };
  return withPipeline({ ...found, admit: async () => admitted, locate, gate }, async ({ result }) => {
    await result();
    expect(requests[0]?.inputs).toEqual({
      evaluationDataset: 'dataset',
      engine: 'engine',
      'candidate-1': 'evaluation-1',
      'baseline-1': 'e'.repeat(64),
    });
    expect(asked.filter((step) => step.startsWith('baseline-') || step.startsWith('agreement-'))).toEqual([]);
  });
});

const pipelineResult = (result: unknown): PipelineResult => result as PipelineResult;
