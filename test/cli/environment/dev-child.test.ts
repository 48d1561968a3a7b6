import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { startDevChild } from '../../../src/cli/environment/dev-child.js';
import type { EnginesmithFailure } from '../../../src/contracts/failures.js';
import { identityOf, isAlive, type ProcessIdentity } from '../../../src/platform/process/process-identity.js';
import { temporaryDirectory } from '../cli-fixture.js';

async function start(
  script: string,
  restartDelayMs?: { first: number; longest: number },
  more: { maximumStarts?: number } = {},
) {
  const logFile = join(await temporaryDirectory(), 'child.log');
  const leaders: ProcessIdentity[] = [];
  const failures: EnginesmithFailure[] = [];
  const notes: string[] = [];
  const child = startDevChild({
    name: 'child',
    argv: ['sh', '-c', script],
    environment: { PATH: process.env.PATH },
    logFile,
    onStart: (leader) => leaders.push(leader),
    onGiveUp: (failure) => failures.push(failure),
    note: (line) => notes.push(line),
    ...(restartDelayMs && { restartDelayMs }),
    ...more,
  });
  onTestFinished(() => child.stop({ graceMs: 0 }));
  return { child, leaders, failures, notes, logFile };
}

it('a part that is killed is started again', async () => {
  const { child, leaders, notes, logFile } = await start('sleep 60');
  child.ready();
  process.kill(leaders[0]?.pid ?? 0, 'SIGKILL');
  await vi.waitFor(() => expect(leaders).toHaveLength(2), { timeout: 5_000 });
  expect(notes).toEqual([`child was ended by SIGKILL; starting it again in 1 s (log: ${logFile})`]);
  expect(leaders.map(isAlive)).toEqual([false, true]);
});

it('a part that ends before it is ready is broken, unless it may be started again', async () => {
  const broken = await start('exit 1', { first: 1, longest: 8 });
  await vi.waitFor(() => expect(broken.failures).toHaveLength(1), { timeout: 5_000 });
  expect(broken.leaders).toHaveLength(1);
  const unlucky = await start('exit 1', { first: 1, longest: 8 }, { maximumStarts: 3 });
  await vi.waitFor(() => expect(unlucky.failures).toHaveLength(1), { timeout: 5_000 });
  expect(unlucky.leaders).toHaveLength(3);
});

it('a part that ends again and again is started ever later, and given up at last', async () => {
  const { child, leaders, failures, notes } = await start('sleep 0.1; echo broken; exit 3', { first: 1, longest: 8 });
  child.ready();
  await vi.waitFor(() => expect(failures).toHaveLength(1), { timeout: 10_000 });
  expect(failures[0]?.message).toMatch(/child ended with exit code 3, again and again\. The end of .*\nbroken/);
  expect(leaders).toHaveLength(7);
  expect(notes.map((line) => / in ([\d.]+) s /.exec(line)?.[1])).toEqual([
    '0.001',
    '0.002',
    '0.004',
    '0.008',
    '0.008',
    '0.008',
  ]);
});

it('a part that ends before it was ready is given up at once, with the end of its log', async () => {
  const { failures, leaders } = await start('echo "no such database"; exit 3');
  await vi.waitFor(() => expect(failures).toHaveLength(1), { timeout: 5_000 });
  expect(failures[0]?.message).toMatch(/child ended with exit code 3\. The end of .*child\.log:\nno such database/);
  expect(leaders).toHaveLength(1);
});

it('a stopped part takes its own children with it, and is not started again', async () => {
  const { child, leaders, logFile } = await start('sleep 60 & echo $!; wait');
  child.ready();
  await vi.waitFor(async () => expect(await readFile(logFile, 'utf8')).toMatch(/^\d+\n$/), { timeout: 5_000 });
  const grandchild = identityOf(Number(await readFile(logFile, 'utf8')));
  if (grandchild === undefined) throw new Error('the grandchild ended too early');
  await child.stop({ graceMs: 2_000 });
  expect(isAlive(grandchild)).toBe(false);
  expect(leaders.map(isAlive)).toEqual([false]);
});
