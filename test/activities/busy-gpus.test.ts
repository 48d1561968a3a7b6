import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { expect, onTestFinished, test } from 'vitest';
import { createWhenServed } from '../../src/activities/busy-gpus.js';
import { leaseGpus } from '../../src/activities/lease-gpus.js';
import { createGpuLeases } from '../../src/platform/gpu-leases.js';
import { testSpec } from '../support/specs.js';

/** One GPU, from which a revision of a deployment serves; and what a step is told that needs it. */
async function openHost(whenBusy: 'wait' | 'fail' | undefined, servedBy: string, serving = true) {
  const directory = await mkdtemp(join(tmpdir(), 'enginesmith-busy-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const devices = [{ index: 0, class: 'cpu', memoryBytes: 1 }];
  const leases = createGpuLeases({ directory, devices, isHolderActive: async () => true });
  await leases.acquire({ holder: servedBy, count: 1, serving });
  const spec = testSpec((input) => {
    if (whenBusy !== undefined) input.rollout = { whenBusy };
  });
  const holder = 'build-1';
  const wanted = { holder, count: 1, class: 'cpu', whenServed: createWhenServed(spec) };
  const lease = (scheduledTimestampMs = Date.UTC(2026, 0, 1)) =>
    new MockActivityEnvironment({ scheduledTimestampMs }, { logger: new DefaultLogger('ERROR') }).run(() =>
      leaseGpus(leases, wanted),
    );
  return { lease, leases };
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
  const built = await openHost('fail', 'build-0', false);
  await expect(built.lease()).rejects.toMatchObject({ type: 'NoFreeGpu', retryable: true });
});

test('where several pipelines need one artifact, the first asks for its GPU, and the others more rarely the longer they wait', async () => {
  const { lease } = await openHost('wait', 'build-0', false);
  const now = Date.now();
  await expect(lease(now - 100_000)).rejects.toMatchObject({ nextRetryDelayMs: 1_000 });
  await expect(lease(now - 1_000)).rejects.toMatchObject({ nextRetryDelayMs: 2_000 });
  await expect(lease(now - 80_000)).rejects.toSatisfy(
    ({ nextRetryDelayMs }) => nextRetryDelayMs >= 20_000 && nextRetryDelayMs < 60_000,
  );
  await expect(lease(now - 100_000)).rejects.toMatchObject({ nextRetryDelayMs: 1_000 });
});
