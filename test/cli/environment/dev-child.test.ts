import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { startDevChild } from '../../../src/cli/environment/dev-child.js';
import type { EnginesmithFailure } from '../../../src/contracts/failures.js';
import { identityOf, isAlive, type ProcessIdentity } from '../../../src/platform/process/process-identity.js';
import { temporaryDirectory } from '../cli-fixture.js';

async function start(script: string) {
  const logFile = join(await temporaryDirectory(), 'child.log');
  const leaders: ProcessIdentity[] = [];
  const failures: EnginesmithFailure[] = [];
  const child = startDevChild({
    name: 'child',
    argv: ['sh', '-c', script],
    environment: { PATH: process.env.PATH },
    logFile,
    onStart: (leader) => leaders.push(leader),
    onGiveUp: (failure) => failures.push(failure),
    note: () => {},
  });
  onTestFinished(() => child.stop({ graceMs: 0 }));
  return { child, leaders, failures, logFile };
}

it('a part that is killed is started again', async () => {
  const { child, leaders } = await start('sleep 60');
  child.ready();
  process.kill(leaders[0]?.pid ?? 0, 'SIGKILL');
  await vi.waitFor(() => expect(leaders).toHaveLength(2), { timeout: 5_000 });
  expect(leaders.map(isAlive)).toEqual([false, true]);
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
