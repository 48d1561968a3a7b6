import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createGpuLeases } from '../../../src/platform/gpu-leases.js';
import { openHostGpus } from '../../../src/platform/gpus/host-gpus.js';
import { leftProcesses } from '../../../src/platform/gpus/left-processes.js';
import { realGpus, standInNvidiaSmi } from '../../support/stand-in-nvidia-smi.js';
import { until } from '../process/jobs-fixture.js';

const [first, second] = realGpus;

/** A host whose nvidia-smi says that a process is on its second GPU, for as long as the test says that it is. */
async function openHost({ cleanWithinMs = 0 } = {}) {
  const home = mkdtempSync(join(tmpdir(), 'enginesmith-quarantine-'));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  const { environment, configure } = await standInNvidiaSmi(home);
  const gpus = await openHostGpus(undefined, environment);
  const own = new Map<string, ChildProcess>();
  const leases = createGpuLeases({
    directory: join(home, 'leases'),
    devices: gpus.devices,
    isHolderActive: async () => false,
    leftOf: (holder, devices) => {
      const child = own.get(holder);
      const isAlive = child?.pid !== undefined && child.exitCode === null && child.signalCode === null;
      return leftProcesses({ gpus, ownProcesses: isAlive ? [child.pid ?? 0] : [] }, devices);
    },
    cleanWithinMs,
    recheckAfterMs: 0,
  });
  const start = (holder?: string): number => {
    const child = spawn('sleep', ['60']);
    onTestFinished(() => void child.kill('SIGKILL'));
    if (holder !== undefined) own.set(holder, child);
    return child.pid ?? 0;
  };
  const end = async (holder: string): Promise<void> => {
    const child = own.get(holder);
    child?.kill('SIGKILL');
    if (child) await once(child, 'exit');
  };
  const forget = (holder: string): ChildProcess | undefined => {
    const child = own.get(holder);
    own.delete(holder);
    return child;
  };
  const onGpu = (pid: number, uuid: string = second) =>
    configure({ processes: [{ gpu_uuid: uuid, pid, process_name: 'python3', used_memory: 1634 }] });
  return { leases, start, end, forget, onGpu, configure };
}

test('a GPU that its holder has not left is in quarantine until it has', async () => {
  const { leases, start, end, onGpu, configure } = await openHost();
  expect(await leases.acquire({ holder: 'build', count: 1 })).toMatchObject({ devices: [{ uuid: first }] });
  const pid = start('build');
  await onGpu(pid, first);
  expect(await leases.release('build')).toMatchObject([{ uuid: first, holder: 'build', pids: [pid] }]);
  expect(await leases.report()).toMatchObject({ leases: [], quarantined: [{ uuid: first }] });
  expect(await leases.acquire({ holder: 'next', count: 2 })).toBeUndefined();
  expect(await leases.acquire({ holder: 'next', count: 1 })).toMatchObject({ devices: [{ uuid: second }] });
  await end('build');
  await configure({ processes: [] });
  expect(await leases.acquire({ holder: 'next', count: 2 })).toMatchObject({
    devices: [{ uuid: first }, { uuid: second }],
  });
  expect((await leases.report()).quarantined).toEqual([]);
});

test('a GPU that is clean a moment later is given back as it is', async () => {
  const { leases, start, end } = await openHost({ cleanWithinMs: 30_000 });
  await leases.acquire({ holder: 'build', count: 1 });
  start('build');
  const released = leases.release('build');
  await end('build');
  expect(await released).toEqual([]);
  expect(await leases.report()).toMatchObject({ leases: [], quarantined: [] });
});

test('a process that only the driver sees, as in a container, holds its GPU', async () => {
  const { leases, onGpu, configure } = await openHost();
  await leases.acquire({ holder: 'build', count: 2 });
  await onGpu(2 ** 22 + 1);
  expect(await leases.release('build')).toMatchObject([{ uuid: second, pids: [2 ** 22 + 1] }]);
  await configure({ processes: [] });
  await leases.recheck();
  expect((await leases.report()).quarantined).toEqual([]);
});

test('a process that was left stays known when the job that had it is forgotten', async () => {
  const { leases, start, forget } = await openHost();
  await leases.acquire({ holder: 'build', count: 1 });
  const pid = start('build');
  expect(await leases.release('build')).toMatchObject([{ uuid: first, pids: [pid] }]);
  const child = forget('build');
  await leases.recheck();
  expect((await leases.report()).quarantined).toMatchObject([{ uuid: first, holder: 'build', pids: [pid] }]);
  child?.kill('SIGKILL');
  if (child) await once(child, 'exit');
  await leases.recheck();
  expect((await leases.report()).quarantined).toEqual([]);
});

test('a stranger on a GPU is no reason for quarantine', async () => {
  const { leases, start, onGpu } = await openHost();
  await leases.acquire({ holder: 'build', count: 2 });
  await onGpu(start());
  expect(await leases.release('build')).toEqual([]);
});

test('a driver that does not answer vouches for nothing', async () => {
  const { leases, configure } = await openHost();
  await leases.acquire({ holder: 'build', count: 1 });
  await configure({ exit: { code: 15, text: 'GPU is lost' } });
  expect(await leases.release('build')).toMatchObject([
    { uuid: first, reason: expect.stringMatching(/nvidia-smi exited/) },
  ]);
  await configure({ exit: undefined });
  await leases.recheck();
  expect((await leases.report()).quarantined).toEqual([]);
});

test('the GPU of a holder that died is looked at before somebody else has it', async () => {
  const { leases, start, end } = await openHost();
  await leases.acquire({ holder: 'dead', count: 2 });
  await leases.leave('dead');
  start('dead');
  expect(await leases.acquire({ holder: 'next', count: 1 })).toBeUndefined();
  expect(await leases.report()).toMatchObject({ leases: [], quarantined: [{ uuid: first }, { uuid: second }] });
  await end('dead');
  expect(await until(() => leases.acquire({ holder: 'next', count: 2 }))).toMatchObject({ devices: [{}, {}] });
});
