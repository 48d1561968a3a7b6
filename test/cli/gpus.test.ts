import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { placesOf } from '../../src/platform/places.js';
import { realGpus, standInNvidiaSmi } from '../support/stand-in-nvidia-smi.js';
import { enginesmith, temporaryDirectory } from './cli-fixture.js';

const [first, second] = realGpus;

/** A host with two H100: one leased, one lent, and two that wait. */
async function openHost() {
  const home = await temporaryDirectory();
  const root = join(home, 'toolchain');
  await mkdir(root);
  const toolchain = { name: 'trtllm-0.10', release: 'v0.10.0', identity: 'a'.repeat(64) };
  await writeFile(join(root, 'toolchain.json'), JSON.stringify(toolchain));
  const nvidiaSmi = await standInNvidiaSmi(home);
  const { leases } = placesOf({ home, cache: home, host: 'host-a' });
  const since = '2026-11-28T18:00:00.000Z';
  const waiter = { count: 2, class: 'sm90', until: '2126-01-01T00:00:00.000Z' };
  const state = {
    leases: [{ uuid: first, index: 0, holder: 'triton-chat-1', since, owner: null, serving: true }],
    waiters: [
      { ...waiter, holder: 'build-2', since: '2026-11-28T18:02:00.000Z' },
      { ...waiter, holder: 'build-1', since: '2026-11-28T18:01:00.000Z' },
    ],
    quarantined: [],
    loans: [
      {
        ...{ uuid: second, index: 1, holder: 'triton-mail-2', since, to: ['mail-nightly/run'] },
        until: '2126-01-01T00:00:00.000Z',
      },
    ],
  };
  await mkdir(leases, { recursive: true });
  await writeFile(join(leases, '1.json'), JSON.stringify(state));
  const environment = {
    ENGINESMITH_HOME: home,
    ENGINESMITH_TOOLCHAIN_ROOT: root,
    PATH: nvidiaSmi.environment.PATH,
    // Nobody listens there, whatever else runs on this machine.
    TEMPORAL_ADDRESS: '127.0.0.1:9',
  };
  return { call: (...words: string[]) => enginesmith(words, environment), nvidiaSmi };
}

test('gpus shows devices, holders and the line', async () => {
  const { call, nvidiaSmi } = await openHost();
  const { exitCode, stdout } = await call('gpus', '--json');
  expect(exitCode).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    host: 'host-a',
    driver: '580.159.04',
    devices: [
      { uuid: first, name: 'NVIDIA H100 80GB HBM3', state: 'leased', holder: 'triton-chat-1', serving: true },
      { uuid: second, class: 'sm90', state: 'lent', holder: null, lentBy: 'triton-mail-2' },
    ],
    waiters: [{ holder: 'build-1', count: 2 }, { holder: 'build-2' }],
    quarantined: [],
  });
  const page = await call('gpus');
  expect(page.stdout).toMatch(/^0 {4}sm90 {3}79\.6 GiB {2}79\.2 GiB {2}leased {2}2026-/m);
  expect(page.stdout).toMatch(
    /leased to triton-chat-1.*lent by triton-mail-2, which serves nothing.*1\. build-1.*2\. build-2/s,
  );
  expect(Math.max(...page.stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
  await nvidiaSmi.configure({ exit: { code: 9, text: 'no driver' } });
  expect(await call('gpus')).toMatchObject({ exitCode: 4, stderr: expect.stringMatching(/code 9/) });
});

test('doctor shows what is wrong and what to do, and says so by its exit code', async () => {
  const { call } = await openHost();
  const { exitCode, stdout } = await call('doctor', '--json');
  expect(exitCode).toBe(4);
  const { status, checks } = JSON.parse(stdout);
  expect(status).toBe('fail');
  expect(checks).toEqual(
    expect.arrayContaining([
      { check: 'driver', status: 'ok', found: '580.159.04', remedy: null },
      { check: 'gpu-memory', status: 'ok', found: 'GPU 0 is leased to triton-chat-1', remedy: null },
      expect.objectContaining({ check: 'tools', status: 'fail', found: expect.stringMatching(/missing: /) }),
      expect.objectContaining({ check: 'temporal', status: 'fail' }),
    ]),
  );
});
