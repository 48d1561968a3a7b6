import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createGpuLeases, type GpuLeasesOptions } from '../../src/platform/gpu-leases.js';
import { startProgram, until } from './process/jobs-fixture.js';

const gibibyte = 1024 ** 3;
const twoDevices = [0, 1].map((index) => ({ index, class: 'cpu', memoryBytes: gibibyte }));

function temporaryLeases(changes: Partial<GpuLeasesOptions> = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'enginesmith-leases-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const options = { directory, devices: twoDevices, isHolderActive: async () => false, ...changes };
  return { directory, leases: createGpuLeases(options), another: () => createGpuLeases(options) };
}

const indices = (...of: number[]) => ({ devices: of.map((index) => ({ index })) });

async function startRival(directory: string, holder: string, count = 1) {
  const rival = startProgram('../lease-rival.program.ts', directory, holder, String(count));
  await until(() => rival.output().includes('\n') || rival.exitCode !== null);
  const indices: number[] = JSON.parse(rival.output());
  return { rival, indices };
}

test('devices in doubt are given last, and not forgotten for other reasons', async () => {
  const { leases } = temporaryLeases();
  await leases.doubt({ uuids: ['VIRTUAL-cpu-0'], forMs: 60_000 });
  expect(await leases.acquire({ holder: 'a', count: 1 })).toMatchObject(indices(1));
  await leases.release('a');
  expect(await leases.acquire({ holder: 'b', count: 1 })).toMatchObject(indices(1));
  expect(await leases.acquire({ holder: 'c', count: 1 })).toMatchObject(indices(0));
  await leases.release('b');
  await leases.release('c');
  await leases.doubt({ uuids: ['VIRTUAL-cpu-0'], forMs: -1 });
  expect(await leases.acquire({ holder: 'd', count: 1 })).toMatchObject(indices(0));
});

test('all the devices are leased, or none', async () => {
  const { leases } = temporaryLeases();
  expect(await leases.acquire({ holder: 'a', count: 1 })).toMatchObject(indices(0));
  expect(await leases.acquire({ holder: 'b', count: 2 })).toBeUndefined();
  expect(await leases.acquire({ holder: 'c', count: 1 })).toMatchObject(indices(1));
  expect(await leases.list()).toMatchObject([
    { index: 0, holder: 'a' },
    { index: 1, holder: 'c' },
  ]);
  await leases.release('a');
  await leases.release('c');
  expect(await leases.acquire({ holder: 'b', count: 2 })).toMatchObject(indices(0, 1));
});

test('a holder gets the devices again that it has, from another attempt too', async () => {
  const { leases, another } = temporaryLeases();
  await leases.acquire({ holder: 'other', count: 1 });
  expect(await leases.acquire({ holder: 'job', count: 1 })).toMatchObject(indices(1));
  await leases.release('other');
  const [before] = await leases.list();
  expect(await another().acquire({ holder: 'job', count: 1 })).toMatchObject(indices(1));
  expect(await leases.list()).toEqual([before]);
  expect(await leases.acquire({ holder: 'job', count: 2 })).toMatchObject(indices(0, 1));
  expect(await leases.acquire({ holder: 'job', count: 1 })).toMatchObject(indices(1));
  expect(await leases.list()).toEqual([before]);
});

test('class and memory narrow the choice', async () => {
  const devices = [
    { index: 0, class: 'sm89', memoryBytes: 24 * gibibyte },
    { index: 1, class: 'sm90', memoryBytes: 80 * gibibyte },
    { index: 2, class: 'sm90', memoryBytes: 141 * gibibyte },
  ];
  const { leases } = temporaryLeases({ devices });
  expect(
    await leases.acquire({ holder: 'a', count: 1, class: 'sm90', minimumMemoryBytes: 100 * gibibyte }),
  ).toMatchObject(indices(2));
  expect(await leases.acquire({ holder: 'b', count: 2, class: 'sm90' })).toBeUndefined();
  expect(await leases.acquire({ holder: 'b', count: 1, class: 'sm90' })).toMatchObject(indices(1));
});

test('of eight processes that race for two devices two get one each', async () => {
  const { directory, leases } = temporaryLeases();
  const rivals = await Promise.all(Array.from({ length: 8 }, (_, index) => startRival(directory, `job-${index}`)));
  const granted = rivals.flatMap(({ indices }) => indices);
  expect(granted.sort()).toEqual([0, 1]);
  expect(await leases.list()).toHaveLength(2);
});

test('many changes at once in one process are all kept, and old versions do not pile up', async () => {
  const devices = Array.from({ length: 16 }, (_, index) => ({ index, class: 'cpu', memoryBytes: 1 }));
  const { directory, leases } = temporaryLeases({ devices });
  const granted = await Promise.all(devices.map(({ index }) => leases.acquire({ holder: `job-${index}`, count: 1 })));
  expect(new Set(granted.flatMap((lease) => lease?.devices)).size).toBe(16);
  await Promise.all(devices.map(({ index }) => leases.release(`job-${index}`)));
  expect(await leases.list()).toEqual([]);
  expect(readdirSync(directory).length).toBeLessThanOrEqual(10);
});

test('a lease outlives its process only while its holder is active', async () => {
  const isHolderActive = async (holder: string) => holder.startsWith('deployment/');
  const { directory, leases } = temporaryLeases({ isHolderActive });
  const serving = await startRival(directory, 'deployment/summarizer/3');
  const building = await startRival(directory, 'build-1');
  expect([serving.indices, building.indices]).toEqual([[0], [1]]);
  expect(await leases.acquire({ holder: 'next', count: 1 })).toBeUndefined();

  for (const { rival } of [serving, building]) {
    rival.kill('SIGKILL');
    await once(rival, 'exit');
  }
  expect(await leases.acquire({ holder: 'next', count: 2 })).toBeUndefined();
  expect(await leases.acquire({ holder: 'next', count: 1 })).toMatchObject(indices(1));
  expect(await leases.list()).toMatchObject([{ holder: 'deployment/summarizer/3' }, { holder: 'next' }]);
});

test('a damaged state is named, not overwritten', async () => {
  const { directory, leases } = temporaryLeases();
  const path = join(directory, '1.json');
  writeFileSync(path, '{"not": "a list"}');
  await expect(leases.acquire({ holder: 'a', count: 1 })).rejects.toMatchObject({
    type: 'ArtifactCorrupt',
    context: { file: path },
  });
});

test('a lease that its process has left lasts as long as its holder is active, and no longer', async () => {
  let active = true;
  const { leases } = temporaryLeases({ isHolderActive: async () => active });
  await leases.acquire({ holder: 'job', count: 2 });
  await leases.leave('job');
  expect(await leases.acquire({ holder: 'other', count: 1 })).toBeUndefined();
  active = false;
  expect(await leases.acquire({ holder: 'other', count: 1 })).toMatchObject(indices(0));
});

test('devices that are handed over are nobody else’s while their old holder runs, and until the new one comes', async () => {
  const active = new Set(['old']);
  const { leases, another } = temporaryLeases({ isHolderActive: async (holder) => active.has(holder) });
  await leases.acquire({ holder: 'old', count: 1 });
  await leases.leave('old');
  const reserved = { from: 'old', holder: 'new', count: 2, reservedMs: 0 };
  expect(await leases.handOver(reserved)).toMatchObject(indices(0, 1));
  expect(await another().acquire({ holder: 'step', count: 1 })).toBeUndefined();
  active.delete('old');
  expect(await leases.handOver({ ...reserved, reservedMs: 60_000 })).toMatchObject(indices(0, 1));
  expect(await another().acquire({ holder: 'step', count: 1 })).toBeUndefined();
  expect(await leases.acquire({ holder: 'new', count: 2 })).toMatchObject(indices(0, 1));
  expect(await leases.list()).toMatchObject([{ holder: 'new' }, { holder: 'new' }]);
});

test('a reservation that nobody came for ends', async () => {
  const { leases } = temporaryLeases();
  await leases.acquire({ holder: 'old', count: 1 });
  await leases.handOver({ from: 'old', holder: 'new', count: 1, reservedMs: 0 });
  expect(await leases.acquire({ holder: 'step', count: 2 })).toMatchObject(indices(0, 1));
});

test('all that a hand-over needs changes hands, or nothing does', async () => {
  const { leases } = temporaryLeases();
  await leases.acquire({ holder: 'old', count: 1 });
  await leases.acquire({ holder: 'step', count: 1 });
  expect(await leases.handOver({ from: 'old', holder: 'new', count: 2, reservedMs: 60_000 })).toBeUndefined();
  expect(await leases.list()).toMatchObject([{ holder: 'old' }, { holder: 'step' }]);
});

test('a process that keeps a holder’s devices keeps them when the holder falls', async () => {
  const { leases } = temporaryLeases();
  await leases.acquire({ holder: 'triton', count: 2 });
  await leases.leave('triton');
  await leases.keep('triton');
  expect(await leases.acquire({ holder: 'step', count: 1 })).toBeUndefined();
  await leases.leave('triton');
  expect(await leases.acquire({ holder: 'step', count: 1 })).toMatchObject(indices(0));
});
