import { CompleteAsyncError, Context } from '@temporalio/activity';
import {
  type Client,
  WorkflowFailedError,
  type WorkflowHandleWithFirstExecutionRunId,
  WorkflowUpdateFailedError,
} from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker, type WorkflowBundleWithSourceMap } from '@temporalio/worker';
import { afterAll, beforeAll, expect } from 'vitest';
import type { ServeActivities } from '../../src/contracts/activities.js';
import {
  type DeploymentState,
  deploymentMessages,
  deploymentWorkflowId,
  emptyDeployment,
  type PromoteOutcome,
  type PromoteRequest,
  type RevisionDescription,
  type ServedGateReport,
} from '../../src/contracts/deployment.js';
import type { SmokeReport } from '../../src/contracts/smoke.js';
import { serveTaskQueue, WORKFLOW_TASK_QUEUE } from '../../src/contracts/task-queues.js';
import { type RollbackOutcome, rollbackUpdate, yieldUpdate } from '../../src/workflows/messages.js';
import { testSpec } from './specs.js';
import { startTemporal } from './temporal.js';
import { until } from './until.js';

/** What a serving host would do, in memory: this is about the order of what the entity asks of it. */
export class Host {
  readonly calls: string[] = [];
  /** Fails a call, named as in `calls`, where the test says so. */
  fail: ((call: string, times: number) => Error | undefined) | undefined;
  /** Calls that do not end before a test lets them. */
  private readonly held = new Map<string, Promise<void>>();
  readonly running = new Map<number, { end: (logTail: string) => void }>();
  /** Ends the watching of those that serve. */
  private readonly watched = new Map<number, (logTail: string) => void>();
  /** Ends the waiting for the runs of a yield, by their ids. */
  readonly waiting = new Map<string, () => void>();
  failStart: ((number: number, waitForGpu: boolean) => Error | undefined) | undefined;

  /** @param environment whose client ends what is supervised */
  constructor(private readonly environment: TestWorkflowEnvironment) {}

  /** Holds a call, named as in `calls`, which does not notice when it is cancelled. @returns lets it end */
  hold(call: string): () => void {
    let letGo = () => {};
    this.held.set(
      call,
      new Promise((resolve) => {
        letGo = resolve;
      }),
    );
    return letGo;
  }

  /** Has a Triton end by itself, as soon as it is watched. */
  async lose(number: number): Promise<void> {
    const end = await until(`watched revision ${number}`, async () => this.watched.get(number));
    this.watched.delete(number);
    this.running.delete(number);
    end('killed');
  }

  private async called(call: string): Promise<void> {
    this.calls.push(call);
    const failure = this.fail?.(call, this.calls.filter((earlier) => earlier === call).length);
    if (failure) throw failure;
    await this.held.get(call);
  }

  readonly activities: ServeActivities = {
    startRevision: async ({ name, number, waitForGpu }) => {
      await this.called(`start ${number}`);
      const failure = this.failStart?.(number, waitForGpu);
      if (failure) throw failure;
      if (!this.running.has(number)) this.running.set(number, { end: () => {} });
      const url = `127.0.0.1:${9000 + number}`;
      return { name, revision: number, grpcUrl: url, httpUrl: `http://${url}`, metricsUrl: `http://${url}/metrics` };
    },

    smokeTest: async ({ number }) => {
      await this.called(`smoke ${number}`);
      return smoke;
    },

    gateServed: async ({ number }) => {
      await this.called(`gate ${number}`);
      return served;
    },

    handGpusOver: async ({ from, number }) => {
      await this.called(`gpus ${from} to ${number}`);
    },

    stopRevision: async ({ number, lentTo, keepsGpus = false }) => {
      const stop = keepsGpus ? `clear ${number}` : `stop ${number}`;
      await this.called(lentTo === undefined ? stop : `lend ${number} to ${lentTo.map(({ runId }) => runId)}`);
      this.running.get(number)?.end('stopped');
      this.running.delete(number);
    },

    superviseRevision: async ({ number }) => {
      const { taskToken } = Context.current().info;
      const completion = this.environment.client.activity;
      const end = (logTail: string) => void completion.complete(taskToken, { logTail }).catch(() => {});
      this.running.set(number, { end });
      this.watched.set(number, end);
      throw new CompleteAsyncError();
    },

    awaitBorrowers: async ({ borrowers }) => {
      const { taskToken } = Context.current().info;
      const name = borrowers.map(({ runId }) => runId).join();
      this.waiting.set(
        name,
        () => void this.environment.client.activity.complete(taskToken, undefined).catch(() => {}),
      );
      throw new CompleteAsyncError();
    },
  };
}

const scores = { rouge1: 1, rouge2: 1, rougeL: 1, rougeLsum: 1 };

/** What a smoke test saw that went well. */
export const smoke: SmokeReport = {
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

/** What the gate through Triton saw, wherever a revision has one. */
export const served: ServedGateReport = {
  verdict: 'PASS',
  reason: 'rougeLsum through Triton is the same.',
  articles: 8,
  meanDifference: 0,
  lowerBound: 0,
  upperBound: 0,
  marginPoints: 1,
  identicalTexts: 8,
  scores: { engine: scores, served: scores },
};

const reference = (kind: RevisionDescription['engine']['kind']) => ({ kind, digest: 'd'.repeat(64), bytes: 1 });
const spec = testSpec();
export const revision: RevisionDescription = {
  servingParameters: reference('serving-parameters'),
  engine: reference('engine'),
  model: reference('model'),
  evidence: reference('gate-evidence'),
  gate: {
    verdict: 'PASS',
    reason: 'r',
    metric: 'rougeLsum',
    look: 1,
    looks: 1,
    articles: 16,
    meanDifference: 0,
    lowerBound: 0,
    upperBound: 0,
    marginPoints: 1,
    scores: { baseline: scores, candidate: scores },
    criteria: [],
    page: 'http://evidence/1',
  },
  toolchain: { name: 'reference-cpu', release: 'v0.10.0', identity: 'a'.repeat(64) },
  gpuClass: 'cpu',
  worldSize: 1,
  host: 'host-a',
  smoke: spec.smoke,
  servedGate: { evaluation: reference('evaluation'), shard: reference('dataset'), gate: spec.gate },
  pipeline: 'pipeline-1',
};

interface Change {
  host?: string;
  engine?: string;
}

export interface Deployment {
  /** Promotes an engine that nobody has seen before, unless the test names one. */
  promote(expectedRevision: number, change?: Change): Promise<PromoteOutcome>;
  /** Gives up the promotion of an engine. */
  withdraw(engine: string): Promise<void>;
  /** Sends an update as it is. */
  update(name: string, argument: unknown): Promise<unknown>;
  rollback(to?: number): Promise<RollbackOutcome>;
  /** Asks it to yield to a run. */
  yield(runId: string, expectedRevision: number): Promise<DeploymentState>;
  /** Cancels the deployment and waits for its end. */
  cancel(): Promise<void>;
  state(): Promise<DeploymentState>;
  /** Types of the activities that it has asked to give up. */
  givenUp(): Promise<string[]>;
  /** Types of the activities of whose end its history tells. */
  completed(): Promise<string[]>;
  stop(): Promise<DeploymentState>;
}

/**
 * A server and workers for the deployments of one test file.
 * @returns what runs a scenario on a deployment of its own name, served by a host of its own
 */
export function useDeployments(): (
  scenario: (deployment: Deployment, host: Host, client: Client) => Promise<void>,
) => Promise<void> {
  let environment: TestWorkflowEnvironment;
  let bundle: WorkflowBundleWithSourceMap;
  let count = 0;

  beforeAll(async () => {
    ({ environment, bundle } = await startTemporal());
  }, 120_000);

  afterAll(() => environment.teardown());

  return async (scenario) => {
    const name = `d${++count}`;
    const host = new Host(environment);
    const { client, nativeConnection: connection } = environment;
    const workers = await Promise.all([
      Worker.create({ connection, taskQueue: WORKFLOW_TASK_QUEUE, workflowBundle: bundle }),
      ...['host-a', 'host-b'].map((hostName) =>
        Worker.create({ connection, taskQueue: serveTaskQueue(hostName), activities: { ...host.activities } }),
      ),
    ]);
    const running = workers.map((worker) => worker.run());
    const handle: WorkflowHandleWithFirstExecutionRunId = await client.workflow.start('deployment', {
      workflowId: deploymentWorkflowId(name),
      taskQueue: WORKFLOW_TASK_QUEUE,
      args: [emptyDeployment(name)],
    });
    try {
      await scenario(createDeployment(name, handle), host, client);
    } finally {
      if ((await handle.describe()).status.name === 'RUNNING') await handle.terminate();
      for (const worker of workers) worker.shutdown();
      await Promise.all(running);
    }
  };
}

function createDeployment(name: string, handle: WorkflowHandleWithFirstExecutionRunId): Deployment {
  let engines = 0;
  return {
    promote: (expectedRevision, { engine = `engine ${++engines}`, ...change } = {}) =>
      handle.executeUpdate<PromoteOutcome, [PromoteRequest]>(deploymentMessages.promote, {
        args: [
          {
            promotion: engine,
            name,
            revision: { ...revision, ...change, engine: { ...revision.engine, digest: engine } },
            expectedRevision,
          },
        ],
      }),
    withdraw: (promotion) => handle.signal(deploymentMessages.withdraw, promotion),
    update: (update, argument) => handle.executeUpdate<unknown, [unknown]>(update, { args: [argument] }),
    rollback: (to) => handle.executeUpdate(rollbackUpdate, { args: [to === undefined ? {} : { to }] }),
    yield: (runId, expectedRevision) =>
      handle.executeUpdate(yieldUpdate, { args: [{ pipeline: `pipeline-${runId}`, runId, expectedRevision }] }),
    async cancel() {
      await handle.cancel();
      await expect(handle.result()).rejects.toThrow(WorkflowFailedError);
    },
    state: () => handle.query<DeploymentState>(deploymentMessages.describe),
    givenUp: () => activityTypes(handle, (event) => event.activityTaskCancelRequestedEventAttributes),
    completed: () => activityTypes(handle, (event) => event.activityTaskCompletedEventAttributes),
    stop: () => handle.executeUpdate<DeploymentState, []>(deploymentMessages.stop),
  };
}

type HistoryEvent = NonNullable<
  Awaited<ReturnType<WorkflowHandleWithFirstExecutionRunId['fetchHistory']>>['events']
>[number];

/** Types of the activities that some events are about. */
async function activityTypes(
  handle: WorkflowHandleWithFirstExecutionRunId,
  aboutOf: (event: HistoryEvent) => { scheduledEventId?: unknown } | null | undefined,
): Promise<string[]> {
  const { events } = await handle.fetchHistory();
  const ids = (events ?? []).flatMap((event) => aboutOf(event)?.scheduledEventId ?? []).map(String);
  return (events ?? []).flatMap(({ eventId, activityTaskScheduledEventAttributes: scheduled }) =>
    ids.includes(`${eventId}`) ? (scheduled?.activityType?.name ?? []) : [],
  );
}

/** Whether an update was refused with a failure of this type. */
export const refused = (type: string) => (failure: unknown) =>
  failure instanceof WorkflowUpdateFailedError && JSON.stringify(failure.cause).includes(type);
