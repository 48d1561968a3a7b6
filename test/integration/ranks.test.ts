import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { deploymentMessages } from '../../src/contracts/deployment.js';
import { WORKFLOW_TASK_QUEUE } from '../../src/contracts/task-queues.js';
import { createGpuLeases } from '../../src/platform/gpu-leases.js';
import { listeningPorts } from '../../src/platform/process/listening-ports.js';
import { askOnce } from '../support/asking-client.js';
import { processesNaming } from '../support/processes.js';
import { grpcPortOf, listenAs, openDeployment, type RunningDeployment } from '../support/promotions.js';
import { prepareServingHost, type ServingHost } from '../support/serving-host.js';
import { startTemporal } from '../support/temporal.js';
import { until } from '../support/until.js';

const RANKS = [0, 1, 2] as const;

let environment: TestWorkflowEnvironment;
let host: ServingHost;
let orchestrator: Worker;
let orchestrating: Promise<void>;
/** One real Triton after the other, each of three ranks under mpirun, through all that follows. */
let app: RunningDeployment;

beforeAll(async () => {
  const started = await startTemporal();
  environment = started.environment;
  host = await prepareServingHost(environment.address, { ranks: RANKS.length });
  host.startWorker();
  orchestrator = await Worker.create({
    connection: environment.nativeConnection,
    taskQueue: WORKFLOW_TASK_QUEUE,
    workflowBundle: started.bundle,
  });
  orchestrating = orchestrator.run();
  app = await openDeployment(environment, 'app');
});

afterAll(async () => {
  orchestrator?.shutdown();
  await orchestrating;
  await host?.dispose();
  await environment?.teardown();
});

const processesOf = (revision: number) => processesNaming(join(host.places.deployments, 'app', `${revision}`));

/** The pids of the processes of each rank; throws unless each is there once. */
function ranksOf(revision: number): { server: number; model: number }[] {
  const processes = processesOf(revision);
  const only = (what: RegExp): number => {
    const [found, ...more] = processes.filter(({ command }) => what.test(command));
    if (found === undefined || more.length > 0) throw new Error(`not one process ${what} of revision ${revision}`);
    return found.pid;
  };
  return RANKS.map((rank) => ({
    server: only(new RegExp(String.raw`^\S+tritonserver .*shm-region-prefix-name=prefix${rank}_$`)),
    model: only(new RegExp(String.raw`^\S+triton_python_backend_stub \S+/tensorrt_llm/1/model\.py prefix${rank}_`)),
  }));
}

async function leases(): Promise<string[]> {
  const { leases: directory } = host.places;
  const listed = await createGpuLeases({ directory, devices: [], isHolderActive: async () => true }).list();
  return listed.map(({ index, holder }) => `${index} ${holder}`).sort();
}

const allLeasedBy = (holder: string): string[] => RANKS.map((rank) => `${rank} ${holder}`);

/** What serves, and answers. */
async function answering(): Promise<{ revision: number; grpcUrl: string }> {
  const { status, endpoint } = await app.state();
  expect(status).toBe('serving');
  expect(await askOnce(endpoint?.grpcUrl ?? '')).not.toBe('');
  return { revision: endpoint?.revision ?? 0, grpcUrl: endpoint?.grpcUrl ?? '' };
}

test('a worker that is killed while three ranks load costs none of them: the next one adopts all', async () => {
  const promotion = app.promote(await host.describe());
  const loading = await until('three ranks', async () => ranksOf(1));
  await host.killWorker();
  host.startWorker();
  expect(await promotion).toMatchObject({ downtimeMs: 0, endpoint: { revision: 1 } });
  expect(ranksOf(1)).toEqual(loading);
  expect(await leases()).toEqual(allLeasedBy('triton-app-1'));
  await answering();
});

test('only the first rank opens ports', async () => {
  const { grpcUrl } = await answering();
  const [first, ...others] = ranksOf(1);
  expect(listeningPorts([first?.server ?? 0])).toContain(Number(grpcUrl.split(':').at(-1)));
  expect([...listeningPorts(others.flatMap(({ server, model }) => [server, model]))]).toEqual([]);
});

test('mpirun keeps its session among the files of the revision', async () => {
  const files = await readdir(join(host.places.deployments, 'app', '1'));
  expect(files.filter((name) => name.startsWith('ompi.'))).toHaveLength(1);
});

test.each([
  ['the model process of the first rank', 0, 'model'],
  ['the server of the second rank', 1, 'server'],
] as const)('a Triton that loses %s is ended whole, and started again on its GPUs', async (_, rank, part) => {
  const before = await answering();
  const lost = ranksOf(1);
  process.kill(lost[rank]?.[part] ?? 0, 'SIGKILL');
  await until('restart', async () => {
    const { status, endpoint } = await app.state();
    return (status === 'serving' && endpoint !== null && endpoint.grpcUrl !== before.grpcUrl) || undefined;
  });
  const pids = lost.flatMap(({ server, model }) => [server, model]);
  expect(processesOf(1).filter(({ pid }) => pids.includes(pid))).toEqual([]);
  expect(ranksOf(1)).toHaveLength(RANKS.length);
  expect(await leases()).toEqual(allLeasedBy('triton-app-1'));
  await answering();
});

test('a candidate that needs all GPUs takes the place of the one that serves, and a stranger on its port costs a start', async () => {
  const taken = until('port of the candidate', async () => {
    const port = await grpcPortOf(host, 'app', 2);
    return { port, ...(await listenAs(port, port)) };
  });
  const { downtimeMs, endpoint } = await app.promote(await host.describe());
  const { port, server, connections } = await taken;
  server.close();
  expect(downtimeMs).toBeGreaterThan(0);
  expect(endpoint.grpcUrl).not.toBe(`127.0.0.1:${port}`);
  expect(connections).toEqual([]);
  expect(processesOf(1)).toEqual([]);
  expect(ranksOf(2)).toHaveLength(RANKS.length);
  expect(await leases()).toEqual(allLeasedBy('triton-app-2'));
  expect(await answering()).toMatchObject({ revision: 2 });
});

test('a stopped deployment leaves no rank behind, and no lease', async () => {
  await app.handle.executeUpdate(deploymentMessages.stop);
  // A supervisor that has written its outcome needs a moment to be gone.
  await until('the end of its processes', async () => processesOf(2).length === 0 || undefined);
  expect(await leases()).toEqual([]);
});
