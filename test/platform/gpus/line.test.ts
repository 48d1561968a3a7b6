import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createGpuLeases, type GpuLeasesOptions } from '../../../src/platform/gpu-leases.js';
import { ownIdentity } from '../../../src/platform/process/process-identity.js';
import { witnessLeases } from '../../support/many-pipelines/lease-witness.js';
import { judgeOrder } from '../../support/many-pipelines/line-order.js';

const gpu = (index: number, gpuClass = 'sm90') => ({ index, class: gpuClass, memoryBytes: 1, uuid: `GPU-${index}` });
const mig = (uuid: string) => ({ ...gpu(7), uuid, mig: { parentUuid: 'GPU-7', profile: '1g.10gb' } });
const twoGpus = [gpu(0), gpu(1)];

function temporaryLeases(changes: Partial<GpuLeasesOptions> = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'enginesmith-line-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return {
    directory,
    leases: createGpuLeases({ directory, devices: twoGpus, isHolderActive: async () => false, ...changes }),
  };
}

const at = (second: number): string => new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString();
const uuids = (lease: { devices: readonly { uuid?: string | undefined }[] } | undefined) =>
  lease?.devices.map(({ uuid }) => uuid);

test('who came first gets the devices first, whoever asks first when they are free', async () => {
  const { leases } = temporaryLeases();
  await leases.acquire({ holder: 'old', count: 2 });
  for (const [holder, second] of [
    ['second', 2],
    ['first', 1],
    ['third', 3],
  ] as const) {
    expect(await leases.acquire({ holder, count: 1, waitingSince: at(second) })).toBeUndefined();
  }
  expect((await leases.report()).waiters.map(({ holder }) => holder)).toEqual(['first', 'second', 'third']);
  expect(await leases.line({ holder: 'third', count: 1 }, at(3))).toMatchObject({ position: 3 });
  await leases.release('old');
  expect(await leases.acquire({ holder: 'third', count: 1, waitingSince: at(3) })).toBeUndefined();
  expect(await leases.acquire({ holder: 'passer-by', count: 1 })).toBeUndefined();
  expect(uuids(await leases.acquire({ holder: 'second', count: 1, waitingSince: at(2) }))).toHaveLength(1);
  expect(uuids(await leases.acquire({ holder: 'first', count: 1, waitingSince: at(1) }))).toHaveLength(1);
  expect((await leases.report()).waiters.map(({ holder }) => holder)).toEqual(['third']);
});

test('who needs both is not overtaken by those that need one', async () => {
  const { leases } = temporaryLeases();
  await leases.acquire({ holder: 'old', count: 1 });
  expect(await leases.acquire({ holder: 'both', count: 2, waitingSince: at(1) })).toBeUndefined();
  expect(await leases.acquire({ holder: 'one', count: 1, waitingSince: at(2) })).toBeUndefined();
  await leases.release('old');
  expect(await leases.acquire({ holder: 'one', count: 1, waitingSince: at(2) })).toBeUndefined();
  expect(uuids(await leases.acquire({ holder: 'both', count: 2, waitingSince: at(1) }))).toEqual(['GPU-0', 'GPU-1']);
});

test('who waits for the end of what serves keeps nobody else from a free device', async () => {
  const { leases } = temporaryLeases();
  await leases.acquire({ holder: 'triton-chat-1', count: 1, serving: true });
  expect(await leases.acquire({ holder: 'both', count: 2, waitingSince: at(1) })).toBeUndefined();
  expect(uuids(await leases.acquire({ holder: 'one', count: 1, waitingSince: at(2) }))).toEqual(['GPU-1']);
});

test('those that want other devices are not in the way, and what this host cannot give is not waited for', async () => {
  const { leases } = temporaryLeases({ devices: [gpu(0, 'sm89'), gpu(1)] });
  await leases.acquire({ holder: 'old', count: 1, class: 'sm89' });
  expect(await leases.acquire({ holder: 'ada', count: 1, class: 'sm89', waitingSince: at(1) })).toBeUndefined();
  expect(await leases.acquire({ holder: 'four', count: 4, waitingSince: at(2) })).toBeUndefined();
  expect((await leases.report()).waiters.map(({ holder }) => holder)).toEqual(['ada']);
  expect(uuids(await leases.acquire({ holder: 'hopper', count: 1, class: 'sm90', waitingSince: at(3) }))).toEqual([
    'GPU-1',
  ]);
});

test('a waiter that does not come again is forgotten, and has its old place when it does', async () => {
  const { leases, directory } = temporaryLeases();
  const gone = { holder: 'gone', count: 2, class: 'sm90', minimumMemoryBytes: 0, since: at(1) };
  const state = { leases: [], waiters: [{ ...gone, until: at(30) }], quarantined: [] };
  writeFileSync(join(directory, '1.json'), JSON.stringify(state));
  expect((await leases.report()).waiters).toEqual([]);
  expect(uuids(await leases.acquire({ holder: 'other', count: 1, waitingSince: at(2) }))).toEqual(['GPU-0']);
  expect(await leases.acquire({ holder: 'gone', count: 2, waitingSince: at(1) })).toBeUndefined();
  await leases.release('other');
  expect(await leases.acquire({ holder: 'later', count: 1, waitingSince: at(3) })).toBeUndefined();
  expect(uuids(await leases.acquire({ holder: 'gone', count: 2, waitingSince: at(1) }))).toHaveLength(2);
});

test('one that several ask for keeps the place of the first of them', async () => {
  const { leases } = temporaryLeases();
  await leases.acquire({ holder: 'old', count: 2 });
  expect(await leases.acquire({ holder: 'common', count: 1, waitingSince: at(1) })).toBeUndefined();
  expect(await leases.acquire({ holder: 'both', count: 2, waitingSince: at(2) })).toBeUndefined();
  expect(await leases.acquire({ holder: 'common', count: 1, waitingSince: at(3) })).toBeUndefined();
  expect((await leases.report()).waiters.map(({ holder }) => holder)).toEqual(['common', 'both']);
  expect(await leases.line({ holder: 'common', count: 1 }, at(3))).toMatchObject({ position: 1 });
  await leases.release('old');
  expect(await leases.acquire({ holder: 'both', count: 2, waitingSince: at(2) })).toBeUndefined();
  expect(uuids(await leases.acquire({ holder: 'common', count: 1, waitingSince: at(3) }))).toHaveLength(1);
});

test('a tool gets one MIG instance, or whole GPUs', async () => {
  const { leases } = temporaryLeases({ devices: [mig('MIG-1'), mig('MIG-2'), gpu(0)] });
  expect(await leases.acquire({ holder: 'two', count: 2 })).toBeUndefined();
  expect(uuids(await leases.acquire({ holder: 'one', count: 1 }))).toEqual(['MIG-1']);
});

test('leases of release 0.4, which had an index and no UUID, go on', async () => {
  const { leases, directory } = temporaryLeases();
  const lease = { index: 0, holder: 'triton-chat-1', since: at(0), owner: ownIdentity() };
  writeFileSync(join(directory, '1.json'), JSON.stringify([lease]));
  expect(uuids(await leases.acquire({ holder: 'step', count: 1 }))).toEqual(['GPU-1']);
  expect(await leases.list()).toMatchObject([
    { uuid: 'GPU-0', holder: 'triton-chat-1' },
    { uuid: 'GPU-1', holder: 'step' },
  ]);
  await leases.release('triton-chat-1');
  expect(uuids(await leases.acquire({ holder: 'step', count: 2 }))).toEqual(['GPU-0', 'GPU-1']);
});

test('of many that ask in any order, none gets a device that is kept for who came before it', async () => {
  const { leases, directory } = temporaryLeases();
  const holders = Array.from({ length: 12 }, (_, index) => ({ holder: `step-${index}`, since: at(index) }));
  await leases.acquire({ holder: 'old', count: 2 });
  for (const { holder, since } of holders.toReversed()) {
    await leases.acquire({ holder, count: 1, waitingSince: since });
  }
  const witness = await witnessLeases(directory, twoGpus.length);
  await leases.release('old');
  const using = new Map<string, string>();
  await Promise.all(
    holders.map(async ({ holder, since }) => {
      for (;;) {
        const [uuid] = uuids(await leases.acquire({ holder, count: 1, waitingSince: since })) ?? [];
        if (uuid === undefined) continue;
        expect(using.get(uuid)).toBeUndefined();
        using.set(uuid, holder);
        await leases.line({ holder, count: 1 }, since);
        using.delete(uuid);
        await leases.release(holder);
        return;
      }
    }),
  );
  await witness.end();
  const scheduled = new Map(holders.map(({ holder, since }) => [holder, [Date.parse(since)]]));
  expect(judgeOrder(witness.grants, scheduled)).toMatchObject({ violations: [], wrongPlaces: [] });
  expect(witness.grants.length + witness.versions.missed).toBeGreaterThanOrEqual(holders.length);
});
