import { setTimeout as delay } from 'node:timers/promises';
import { CompleteAsyncError, Context } from '@temporalio/activity';
import {
  WorkflowFailedError,
  type WorkflowHandleWithFirstExecutionRunId,
  WorkflowUpdateFailedError,
} from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker, type WorkflowBundleWithSourceMap } from '@temporalio/worker';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { ServeActivities } from '../../src/contracts/activities.js';
import {
  type DeploymentState,
  deploymentMessages,
  deploymentWorkflowId,
  emptyDeployment,
  type PromoteOutcome,
  type PromoteRequest,
  type RevisionDescription,
} from '../../src/contracts/deployment.js';
import type { SmokeReport } from '../../src/contracts/smoke.js';
import { serveTaskQueue, WORKFLOW_TASK_QUEUE } from '../../src/contracts/task-queues.js';
import { startTemporal } from '../support/temporal.js';

/** What a serving host would do, in memory: this is about the order of what the entity asks of it. */
class Host implements ServeActivities {
  readonly calls: string[] = [];
  readonly running = new Map<number, { end: (logTail: string) => void }>();
  failStart: ((number: number, waitForGpu: boolean) => Error | undefined) | undefined;
  failSmoke: ((number: number) => Error | undefined) | undefined;
  failStop: ((number: number) => Error | undefined) | undefined;

  startRevision: ServeActivities['startRevision'] = async ({ name, number, waitForGpu }) => {
    this.calls.push(`start ${number}`);
    const failure = this.failStart?.(number, waitForGpu);
    if (failure) throw failure;
    if (!this.running.has(number)) this.running.set(number, { end: () => {} });
    const url = `127.0.0.1:${9000 + number}`;
    return { name, revision: number, grpcUrl: url, httpUrl: `http://${url}`, metricsUrl: `http://${url}/metrics` };
  };

  smokeTest: ServeActivities['smokeTest'] = async ({ number }) => {
    this.calls.push(`smoke ${number}`);
    const failure = this.failSmoke?.(number);
    if (failure) throw failure;
    return smoke;
  };

  stopRevision: ServeActivities['stopRevision'] = async ({ number }) => {
    this.calls.push(`stop ${number}`);
    const failure = this.failStop?.(number);
    if (failure) throw failure;
    this.running.get(number)?.end('stopped');
    this.running.delete(number);
  };

  superviseRevision: ServeActivities['superviseRevision'] = async ({ number }) => {
    const { taskToken } = Context.current().info;
    const completion = environment.client.activity;
    this.running.set(number, {
      end: (logTail) => void completion.complete(taskToken, { logTail }).catch(() => {}),
    });
    throw new CompleteAsyncError();
  };
}

const smoke: SmokeReport = {
  schema: 'enginesmith/smoke-report/v1',
  models: ['ensemble'],
  model: 'ensemble',
  prompt: 'p',
  text: 't',
  chunks: 2,
  readyMs: 1,
  timeToFirstTokenMs: 1,
  betweenTokensMs: { p50: 1, max: 1 },
  totalMs: 2,
};

const reference = (kind: RevisionDescription['engine']['kind']) => ({ kind, digest: 'd'.repeat(64), bytes: 1 });
const scores = { rouge1: 1, rouge2: 1, rougeL: 1, rougeLsum: 1 };
const revision: RevisionDescription = {
  servingParameters: reference('serving-parameters'),
  engine: reference('engine'),
  model: reference('model'),
  evidence: reference('gate-evidence'),
  gate: {
    verdict: 'PASS',
    reason: 'r',
    metric: 'rougeLsum',
    articles: 16,
    meanDifference: 0,
    lowerBound: 0,
    upperBound: 0,
    marginPoints: 1,
    scores: { baseline: scores, candidate: scores },
  },
  toolchain: { name: 'reference-cpu', release: 'v0.10.0', identity: 'a'.repeat(64) },
  gpuClass: 'cpu',
  worldSize: 1,
  host: 'host-a',
  smoke: { prompt: 'p', maxTokens: 8, firstTokenWithinSeconds: 1, finishWithinSeconds: 1 },
  pipeline: 'pipeline-1',
};

let environment: TestWorkflowEnvironment;
let bundle: WorkflowBundleWithSourceMap;
let host: Host;
let count = 0;
let engines = 0;

beforeAll(async () => {
  ({ environment, bundle } = await startTemporal());
}, 120_000);

afterAll(() => environment.teardown());

beforeEach(() => {
  host = new Host();
});

interface Deployment {
  /** Promotes an engine that nobody has seen before, unless the test names one. */
  promote(expectedRevision: number, change?: { host?: string; engine?: string }): Promise<PromoteOutcome>;
  /** Gives up the promotion of an engine. */
  withdraw(engine: string): Promise<void>;
  /** Sends an update as it is. */
  update(name: string, argument: unknown): Promise<unknown>;
  /** Cancels the deployment and waits for its end. */
  cancel(): Promise<void>;
  state(): Promise<DeploymentState>;
  stop(): Promise<DeploymentState>;
}

/** Runs a deployment of its own name on the test's host until the scenario is over. */
async function withDeployment(scenario: (deployment: Deployment) => Promise<void>): Promise<void> {
  const name = `d${++count}`;
  const { client, connection: _, nativeConnection: connection } = environment;
  const workers = await Promise.all([
    Worker.create({ connection, taskQueue: WORKFLOW_TASK_QUEUE, workflowBundle: bundle }),
    ...['host-a', 'host-b'].map((name) =>
      Worker.create({ connection, taskQueue: serveTaskQueue(name), activities: activitiesOf(host) }),
    ),
  ]);
  const running = workers.map((worker) => worker.run());
  const handle: WorkflowHandleWithFirstExecutionRunId = await client.workflow.start('deployment', {
    workflowId: deploymentWorkflowId(name),
    taskQueue: WORKFLOW_TASK_QUEUE,
    args: [emptyDeployment(name)],
  });
  try {
    await scenario({
      promote: (expectedRevision, { host = revision.host, engine = `engine ${++engines}` } = {}) =>
        handle.executeUpdate<PromoteOutcome, [PromoteRequest]>(deploymentMessages.promote, {
          args: [
            {
              promotion: engine,
              name,
              revision: { ...revision, host, engine: { ...revision.engine, digest: engine } },
              expectedRevision,
            },
          ],
        }),
      withdraw: (promotion) => handle.signal(deploymentMessages.withdraw, promotion),
      update: (update, argument) => handle.executeUpdate<unknown, [unknown]>(update, { args: [argument] }),
      async cancel() {
        await handle.cancel();
        await expect(handle.result()).rejects.toThrow(WorkflowFailedError);
      },
      state: () => handle.query<DeploymentState>(deploymentMessages.describe),
      stop: () => handle.executeUpdate<DeploymentState, []>(deploymentMessages.stop),
    });
  } finally {
    if ((await handle.describe()).status.name === 'RUNNING') await handle.terminate();
    for (const worker of workers) worker.shutdown();
    await Promise.all(running);
  }
}

const activitiesOf = ({ startRevision, smokeTest, stopRevision, superviseRevision }: Host): ServeActivities => ({
  startRevision,
  smokeTest,
  stopRevision,
  superviseRevision,
});

const refused = (type: string) => (failure: unknown) =>
  failure instanceof WorkflowUpdateFailedError && JSON.stringify(failure.cause).includes(type);

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`not in time; calls: ${host.calls.join(', ')}`);
    await delay(50);
  }
}

test('a candidate takes the name after its smoke test, and only then the old one ends', () =>
  withDeployment(async ({ promote, state }) => {
    await promote(0);
    const second = await promote(1);
    expect(host.calls).toEqual(['start 1', 'smoke 1', 'start 2', 'smoke 2', 'stop 1']);
    expect(second).toMatchObject({ downtimeMs: 0, endpoint: { revision: 2, grpcUrl: '127.0.0.1:9002' } });
    expect(await state()).toMatchObject({ status: 'serving', currentNumber: 2, lastNumber: 2 });
  }));

test('a promotion from before the last one is refused as stale, and nothing is started', () =>
  withDeployment(async ({ promote }) => {
    await promote(0);
    await expect(promote(0)).rejects.toSatisfy(refused('StalePromotion'));
    expect(host.calls).toEqual(['start 1', 'smoke 1']);
  }));

test('two promotions at once are one after the other: the second is stale', () =>
  withDeployment(async ({ promote, state }) => {
    const results = await Promise.allSettled([promote(0), promote(0)]);
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect((await state()).currentNumber).toBe(1);
  }));

test('a candidate that fails its smoke test is ended, and the old revision keeps the name', () =>
  withDeployment(async ({ promote, state }) => {
    await promote(0);
    host.failSmoke = (number) =>
      number === 2 ? ApplicationFailure.nonRetryable('one chunk', 'SmokeTestFailed') : undefined;
    await expect(promote(1)).rejects.toSatisfy(refused('SmokeTestFailed'));
    expect(host.running.has(2)).toBe(false);
    expect(host.running.has(1)).toBe(true);
    expect(host.calls.slice(2)).toEqual(['start 2', 'smoke 2', 'stop 2']);
    expect(await state()).toMatchObject({ status: 'serving', currentNumber: 1, lastNumber: 2 });
  }));

test('without GPUs for both, the old revision goes first and the downtime is stated', () =>
  withDeployment(async ({ promote }) => {
    await promote(0);
    host.failStart = (_, waitForGpu) =>
      waitForGpu || !host.running.has(1) ? undefined : ApplicationFailure.nonRetryable('2 of 2 leased', 'NoFreeGpu');
    const { downtimeMs } = await promote(1);
    expect(host.calls).toEqual(['start 1', 'smoke 1', 'start 2', 'stop 1', 'start 2', 'smoke 2']);
    expect(downtimeMs).toBeGreaterThan(0);
  }));

test('a replacement that fails brings the old revision back', () =>
  withDeployment(async ({ promote, state }) => {
    await promote(0);
    host.failStart = (number, waitForGpu) => {
      if (number === 1) return undefined;
      return waitForGpu
        ? ApplicationFailure.nonRetryable('no engine', 'TritonUnavailable')
        : ApplicationFailure.nonRetryable('2 of 2 leased', 'NoFreeGpu');
    };
    await expect(promote(1)).rejects.toSatisfy(refused('TritonUnavailable'));
    expect(host.calls.slice(2)).toEqual(['start 2', 'stop 1', 'start 2', 'stop 2', 'start 1', 'smoke 1']);
    expect(await state()).toMatchObject({ status: 'serving', currentNumber: 1 });
  }));

test('a Triton that ends by itself is started again', () =>
  withDeployment(async ({ promote, state }) => {
    await promote(0);
    await until(() => host.running.has(1));
    await until(() => {
      host.running.get(1)?.end('killed');
      return host.calls.filter((call) => call === 'start 1').length === 2;
    });
    await until(async () => (await state()).status === 'serving');
  }));

test('a stopped deployment keeps its history and can be promoted to', () =>
  withDeployment(async ({ promote, stop }) => {
    await promote(0);
    expect(await stop()).toMatchObject({ status: 'stopped', currentNumber: 1, endpoint: null });
    expect(await promote(1)).toMatchObject({ endpoint: { revision: 2 } });
    expect(host.calls).toEqual(['start 1', 'smoke 1', 'stop 1', 'start 2', 'smoke 2']);
  }));

test('an old revision that cannot be ended does not undo the promotion', () =>
  withDeployment(async ({ promote, state }) => {
    await promote(0);
    host.failStop = (number) => (number === 1 ? ApplicationFailure.nonRetryable('in the driver') : undefined);
    expect(await promote(1)).toMatchObject({ endpoint: { revision: 2 } });
    expect(host.running.has(2)).toBe(true);
    expect(await state()).toMatchObject({ status: 'serving', currentNumber: 2, endpoint: { revision: 2 } });
  }));

test('a revision on another host is not ended for GPUs that it does not hold', () =>
  withDeployment(async ({ promote, state }) => {
    await promote(0);
    host.failStart = (_, waitForGpu) =>
      waitForGpu ? undefined : ApplicationFailure.nonRetryable('2 of 2 leased', 'NoFreeGpu');
    expect(await promote(1, { host: 'host-b' })).toMatchObject({ downtimeMs: 0 });
    expect(host.calls.slice(2)).toEqual(['start 2', 'smoke 2', 'stop 1']);
    expect(await state()).toMatchObject({ currentNumber: 2 });
  }));

test('a Triton that does not come back gives its GPUs back, and the next promotion goes on from there', () =>
  withDeployment(async ({ promote, state }) => {
    await promote(0);
    host.failSmoke = (number) =>
      number === 1 ? ApplicationFailure.nonRetryable('no text', 'SmokeTestFailed') : undefined;
    await until(() => {
      host.running.get(1)?.end('killed');
      return host.calls.includes('stop 1');
    });
    await until(async () => (await state()).status === 'failed');
    expect(host.running.has(1)).toBe(false);
    expect(await promote(1)).toMatchObject({ endpoint: { revision: 2 } });
  }));

test('a cancelled deployment ends its Triton', () =>
  withDeployment(async ({ promote, cancel }) => {
    await promote(0);
    await cancel();
    expect(host.calls).toEqual(['start 1', 'smoke 1', 'stop 1']);
  }));

test('an update that is no promotion is refused, and the deployment goes on', () =>
  withDeployment(async ({ promote, update }) => {
    for (const argument of [undefined, null, 7, { name: 'another' }]) {
      await expect(update(deploymentMessages.promote, argument)).rejects.toSatisfy(refused('InvalidSpec'));
    }
    expect(await promote(0)).toMatchObject({ endpoint: { revision: 1 } });
  }));

test('an engine that serves already is only smoke-tested again', () =>
  withDeployment(async ({ promote, state }) => {
    await promote(0, { engine: 'same' });
    expect(await promote(1, { engine: 'same' })).toMatchObject({ downtimeMs: 0, endpoint: { revision: 1 } });
    expect(host.calls).toEqual(['start 1', 'smoke 1', 'smoke 1']);
    expect(await state()).toMatchObject({ status: 'serving', currentNumber: 1, lastNumber: 1 });
  }));

test('a restart that waits for its host does not hold up whoever stops the deployment', () =>
  withDeployment(async ({ promote, state, stop }) => {
    await promote(0);
    host.failStart = () => ApplicationFailure.retryable('2 of 2 leased', 'NoFreeGpu');
    await until(async () => {
      host.running.get(1)?.end('killed');
      return (await state()).status === 'restarting';
    });
    expect(await stop()).toMatchObject({ status: 'stopped', endpoint: null });
  }));

const noGpu = (): Error => ApplicationFailure.retryable('2 of 2 leased', 'NoFreeGpu');

test('a withdrawn promotion that waits for a GPU ends without a trace', () =>
  withDeployment(async ({ promote, withdraw, state }) => {
    host.failStart = noGpu;
    const promotion = promote(0, { engine: 'unwanted' });
    const refusal = expect(promotion).rejects.toThrow(WorkflowUpdateFailedError);
    await until(() => host.calls.includes('start 1'));
    await withdraw('unwanted');
    await refusal;
    host.failStart = undefined;
    expect(await state()).toMatchObject({ status: 'empty', currentNumber: 0 });
    expect(host.running.size).toBe(0);
  }));

test('a promotion that has taken the name is not withdrawn any more', () =>
  withDeployment(async ({ promote, withdraw, state }) => {
    await promote(0, { engine: 'late' });
    await withdraw('late');
    expect(await state()).toMatchObject({ status: 'serving', currentNumber: 1 });
  }));

test('whoever stops a deployment gives up the promotion that waits', () =>
  withDeployment(async ({ promote, stop }) => {
    await promote(0);
    host.failStart = noGpu;
    const refusal = expect(promote(1, { host: 'host-b' })).rejects.toThrow(WorkflowUpdateFailedError);
    await until(() => host.calls.includes('start 2'));
    expect(await stop()).toMatchObject({ status: 'stopped', endpoint: null });
    await refusal;
  }));
