import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { expect, onTestFinished, test } from 'vitest';
import { createWhenServed } from '../../src/activities/busy-gpus.js';
import { leaseGpus } from '../../src/activities/lease-gpus.js';
import { createGpuLeases } from '../../src/platform/gpu-leases.js';
import { testSpec } from '../support/specs.js';

/** One GPU, from which a revision of a deployment serves; and what a step is told that needs it. */
async function openHost(
  whenBusy: 'wait' | 'fail' | 'yield' | undefined,
  servedBy: string,
  { serving = true, gpus = 1 } = {},
) {
  const directory = await mkdtemp(join(tmpdir(), 'enginesmith-busy-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const devices = [0, 1].slice(0, gpus).map((index) => ({ index, class: 'cpu', memoryBytes: 1 }));
  const leases = createGpuLeases({ directory, devices, isHolderActive: async () => true });
  await leases.acquire({ holder: servedBy, count: 1, serving });
  const spec = testSpec((input) => {
    if (whenBusy !== undefined) input.rollout = { whenBusy };
  });
  const holder = 'build-1';
  const asked: { deployment: string; update: string; options: Record<string, unknown> }[] = [];
  const getHandle = (deployment: string) => ({
    startUpdate: async (update: string, options: Record<string, unknown>) =>
      asked.push({ deployment, update, options }),
  });
  const client = { workflow: { getHandle } } as unknown as Client;
  const whenServed = createWhenServed({ spec, expectedRevision: 3 }, client);
  const wanted = { holder, count: gpus, class: 'cpu', whenServed };
  const lease = (scheduledTimestampMs = Date.UTC(2026, 0, 1)) =>
    new MockActivityEnvironment({ scheduledTimestampMs }, { logger: new DefaultLogger('ERROR') }).run(() =>
      leaseGpus(leases, wanted),
    );
  return { lease, leases, asked };
}

const ownName = testSpec().name;

test.each([undefined, 'wait'] as const)('a step waits for what serves where the spec says %s', async (whenBusy) => {
  const { lease, leases } = await openHost(whenBusy, `triton-${ownName}-3`);
  await expect(lease()).rejects.toMatchObject({
    type: 'NoFreeGpu',
    retryable: true,
    benign: true,
    nextRetryDelayMs: 1_000,
    message: expect.stringMatching(
      /waiting since 2026-01-01T00:00:00\.000Z, position 1; leased are GPU 0 by triton-.* since .*goes on when triton-/,
    ),
  });
  await leases.release(`triton-${ownName}-3`);
  expect(await lease()).toMatchObject([{ index: 0 }]);
});

test('a step fails at once where the spec says so, and only for what serves', async () => {
  const served = await openHost('fail', `triton-${ownName}-3`);
  await expect(served.lease()).rejects.toMatchObject({
    type: 'NoFreeGpu',
    retryable: false,
    message: expect.stringMatching(/triton-.*-3 serves from, and rollout\.whenBusy is fail\. End that/),
  });
  const built = await openHost('fail', 'build-0', { serving: false });
  await expect(built.lease()).rejects.toMatchObject({ type: 'NoFreeGpu', retryable: true });
});

test('where several pipelines need one artifact, the first asks for its GPU, and the others more rarely the longer they wait', async () => {
  const { lease } = await openHost('wait', 'build-0', { serving: false });
  const now = Date.now();
  await expect(lease(now - 100_000)).rejects.toMatchObject({ nextRetryDelayMs: 1_000 });
  await expect(lease(now - 1_000)).rejects.toMatchObject({ nextRetryDelayMs: 2_000 });
  await expect(lease(now - 80_000)).rejects.toSatisfy(
    ({ nextRetryDelayMs }) => nextRetryDelayMs >= 20_000 && nextRetryDelayMs < 60_000,
  );
  await expect(lease(now - 100_000)).rejects.toMatchObject({ nextRetryDelayMs: 1_000 });
});

test('a step asks the deployment of its own name to yield, and for the same thing again', async () => {
  const { lease, leases, asked } = await openHost('yield', `triton-${ownName}-3`);
  for (const _ of ['first attempt', 'second attempt']) {
    await expect(lease()).rejects.toMatchObject({
      type: 'NoFreeGpu',
      benign: true,
      nextRetryDelayMs: 1_000,
      message: expect.stringContaining(`triton-${ownName}-3 is asked to yield`),
    });
  }
  const [first, second] = asked;
  expect(first).toMatchObject({
    deployment: `deployment/${ownName}`,
    update: 'yield',
    options: { args: [{ pipeline: 'test', runId: expect.any(String), expectedRevision: 3 }] },
  });
  expect(second).toEqual(first);
  await leases.release(`triton-${ownName}-3`);
  expect(await lease()).toMatchObject([{ index: 0 }]);
});

test.each([
  [
    'a deployment of another name',
    'triton-other-3',
    1,
    /Only revision 3 of .* would yield\. It goes on when triton-other-3/,
  ],
  ['what took the name since it was admitted', `triton-${ownName}-4`, 1, /Only revision 3 of .* would yield/],
])('a step does not ask %s to yield', async (_, holder, gpus, message) => {
  const { lease, asked } = await openHost('yield', holder, { gpus });
  await expect(lease()).rejects.toMatchObject({ retryable: true, message: expect.stringMatching(message) });
  expect(asked).toEqual([]);
});

test('a step does not ask for GPUs that would not be enough', async () => {
  const { lease, leases, asked } = await openHost('yield', `triton-${ownName}-3`, { gpus: 2 });
  await leases.acquire({ holder: 'triton-other-1', count: 1, serving: true });
  await expect(lease()).rejects.toMatchObject({
    retryable: true,
    message: expect.stringMatching(/-3 would not be enough now\. It goes on when triton-/),
  });
  expect(asked).toEqual([]);
});

test('a step waits for others and asks nobody where those suffice', async () => {
  const { lease, asked } = await openHost('yield', 'build-0', { serving: false });
  await expect(lease()).rejects.toMatchObject({ type: 'NoFreeGpu', retryable: true });
  expect(asked).toEqual([]);
});
