import { WorkflowUpdateFailedError } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WORKFLOW_TASK_QUEUE } from '../../src/contracts/task-queues.js';
import { type Asking, askOnce, startAsking } from '../support/asking-client.js';
import { refused } from '../support/deployments.js';
import {
  ANSWER_TOKENS,
  grpcPortOf,
  listenAs,
  openDeployment,
  putServedGate,
  type RunningDeployment,
  takeOtherGpus,
} from '../support/promotions.js';
import { prepareServingHost, type ServingHost } from '../support/serving-host.js';
import { startTemporal } from '../support/temporal.js';
import { until } from '../support/until.js';

let environment: TestWorkflowEnvironment;
let host: ServingHost;
let orchestrator: Worker;
let orchestrating: Promise<void>;
/** Real Tritons, one after the other, through all that follows. */
let app: RunningDeployment;
let asking: Asking;

beforeAll(async () => {
  const started = await startTemporal();
  environment = started.environment;
  host = await prepareServingHost(environment.address);
  host.startWorker();
  orchestrator = await Worker.create({
    connection: environment.nativeConnection,
    taskQueue: WORKFLOW_TASK_QUEUE,
    workflowBundle: started.bundle,
  });
  orchestrating = orchestrator.run();
  app = await openDeployment(environment, 'app');
  await app.promote(await host.describe());
});

afterAll(async () => {
  await asking?.stop();
  orchestrator?.shutdown();
  await orchestrating;
  await host?.dispose();
  await environment?.teardown();
});

/** A client asks without a pause while something happens, and no answer fails. */
async function withoutLosingARequest(happening: () => Promise<void>): Promise<Asking> {
  asking = startAsking(app.handle);
  await happening();
  const seen = await asking.stop();
  expect(seen.failures).toEqual([]);
  expect(seen.answers).toBeGreaterThan(0);
  return seen;
}

/** What the engine answers: all revisions here have the same one. */
const engineText = async (question: string): Promise<string> =>
  askOnce((await app.state()).endpoint?.grpcUrl ?? '', question, ANSWER_TOKENS);

async function slowToAnswer() {
  const { smoke } = await host.describe();
  return host.describe({ smoke: { ...smoke, firstTokenWithinSeconds: 0.0001 } });
}

test('a worker that is killed in each activity of a promotion costs no request', async () => {
  const { currentNumber, lastNumber } = await app.state();
  const { revisions } = await withoutLosingARequest(async () => {
    const promotion = app.promote(await host.describe({ servedGate: await putServedGate(host, engineText) }));
    for (const activity of ['startRevision', 'smokeTest', 'gateServed', 'stopRevision']) {
      await Promise.race([app.running(activity), promotion]);
      await host.killWorker();
      host.startWorker();
    }
    expect(await promotion).toMatchObject({
      downtimeMs: 0,
      endpoint: { revision: lastNumber + 1 },
      servedGate: { verdict: 'PASS', articles: 16, identicalTexts: 16 },
    });
    await until('answer of the new one', async () => asking.revisions.includes(lastNumber + 1) || undefined);
  });
  expect(revisions).toEqual([currentNumber, lastNumber + 1]);
});

test('a candidate that the gate refuses was asked itself, not the stranger who took its port, and leaves the name', async () => {
  const { endpoint, currentNumber, lastNumber } = await app.state();
  const current = Number(endpoint?.grpcUrl.split(':').at(-1));
  const taken = until('ports of the candidate', async () => {
    const port = await grpcPortOf(host, 'app', lastNumber + 1);
    return { port, ...(await listenAs(port, current)) };
  });
  await withoutLosingARequest(async () => {
    const servedGate = await putServedGate(host, async (question) => `I ${question}.`);
    await expect(app.promote(await host.describe({ servedGate }))).rejects.toSatisfy(refused('ServedGateFailed'));
  });
  const { port, server, connections } = await taken;
  server.close();
  expect(await grpcPortOf(host, 'app', lastNumber + 1)).not.toBe(port);
  expect(connections).toEqual([]);
  expect(await app.state()).toMatchObject({ status: 'serving', currentNumber, endpoint });
});

test('a candidate that fails its smoke test, or falls during it, leaves the name where it is', async () => {
  const { currentNumber, endpoint } = await app.state();
  await withoutLosingARequest(async () => {
    await expect(app.promote(await slowToAnswer())).rejects.toSatisfy(refused('SmokeTestFailed'));
    const { lastNumber } = await app.state();
    // Where it fell decides whether it was not there, or did not answer.
    const promotion = expect(app.promote(await host.describe())).rejects.toThrow(WorkflowUpdateFailedError);
    await app.running('smokeTest');
    host.killTriton('app', lastNumber + 1);
    await promotion;
  });
  expect(await app.state()).toMatchObject({ status: 'serving', currentNumber, endpoint });
});

test('a Triton that is killed while it serves is started again by its deployment, on the GPU that it had', async () => {
  const { currentNumber, endpoint } = await app.state();
  // Whoever waits for a GPU takes each that is free.
  const strangers = await takeOtherGpus(host);
  host.killTriton('app', currentNumber);
  const again = await until('restart', async () => {
    const state = await app.state();
    return state.status === 'serving' && state.endpoint?.grpcUrl !== endpoint?.grpcUrl ? state.endpoint : undefined;
  });
  expect(await askOnce(again?.grpcUrl ?? '')).not.toBe('');
  await strangers.release();
});

test('without memory for both, a refused replacement brings the old one back, and a rollback states its downtime', async () => {
  const { currentNumber, lastNumber } = await app.state();
  const strangers = await takeOtherGpus(host);
  await expect(app.promote(await slowToAnswer())).rejects.toSatisfy(refused('SmokeTestFailed'));
  const { endpoint, ...back } = await app.state();
  expect(back).toMatchObject({ status: 'serving', currentNumber });
  expect(await askOnce(endpoint?.grpcUrl ?? '')).not.toBe('');

  const rolledBack = await app.rollback(1);
  expect(rolledBack).toMatchObject({ rollbackOf: 1, endpoint: { revision: lastNumber + 2 } });
  expect(rolledBack.downtimeMs).toBeGreaterThan(0);
  expect(await askOnce(rolledBack.endpoint.grpcUrl)).not.toBe('');
  await strangers.release();
});

test('a rollback to what is gone from the store says so, and costs no request', async () => {
  const { currentNumber, endpoint, revisions } = await app.state();
  // Revision 1 is what serves again.
  const [, gone] = revisions;
  await host.remove(gone?.description.servingParameters.digest ?? '');
  await withoutLosingARequest(async () => {
    const failure = await app.rollback(gone?.number ?? 0).catch((error: unknown) => error);
    expect(failure).toSatisfy(refused('ArtifactCorrupt'));
    const message = expect.stringContaining(`Revision ${gone?.number} could not be brought back`);
    expect(failure).toMatchObject({ cause: { message } });
  });
  expect(await app.state()).toMatchObject({ status: 'serving', currentNumber, endpoint });
});
