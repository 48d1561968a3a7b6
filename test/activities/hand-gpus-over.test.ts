import { MockActivityEnvironment } from '@temporalio/testing';
import { afterEach, expect, test, vi } from 'vitest';
import { createHandGpusOver } from '../../src/activities/serve/hand-gpus-over.js';
import { revisionJobId } from '../../src/activities/serve/revision-places.js';
import { revision as description } from '../support/deployments.js';
import { openHost } from './tool-host.js';

afterEach(() => {
  vi.useRealTimers();
});

test('GPUs that are handed back stay with the revision that serves, however long it does', async () => {
  const { dependencies } = await openHost(null, {
    describe: async () => ({ devices: [{ index: 0, class: 'cpu', memoryBytes: 1 }] }),
  });
  const { leases } = dependencies;
  const [serving, candidate] = [revisionJobId('app', 1), revisionJobId('app', 2)];
  await leases.acquire({ holder: serving, count: 1, class: 'cpu', serving: true });
  const handOver = (number: number, from: number, waitForGpu: boolean) =>
    new MockActivityEnvironment().run(createHandGpusOver(dependencies), {
      name: 'app',
      number,
      description,
      from,
      waitForGpu,
    });
  await handOver(2, 1, true);
  expect(await leases.list()).toMatchObject([{ holder: candidate }]);
  await handOver(1, 2, false);
  expect(await leases.list()).toMatchObject([{ holder: serving }]);
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 60 * 60_000 });
  expect(await leases.acquire({ holder: 'step', count: 1, class: 'cpu' })).toBeUndefined();
});
