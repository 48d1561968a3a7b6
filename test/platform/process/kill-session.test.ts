import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { killSession } from '../../../src/platform/process/kill-session.js';
import { identityOf, isAlive, ownIdentity, sessionProcesses } from '../../../src/platform/process/process-identity.js';
import { until } from './jobs-fixture.js';

function openSession(script: string) {
  const child = spawn('bash', ['-c', script], { detached: true, stdio: 'ignore' });
  const leader = identityOf(child.pid ?? 0);
  if (leader === undefined) throw new Error('bash did not start');
  return { child, leader };
}

test('a process is alive until it ends, and its successor under the same pid is not it', async () => {
  const { child, leader } = openSession('sleep 100');
  expect(isAlive(leader)).toBe(true);
  expect(isAlive({ ...leader, startTimeTicks: leader.startTimeTicks + 1 })).toBe(false);
  expect(isAlive({ ...leader, bootId: 'another boot' })).toBe(false);
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(isAlive(leader)).toBe(false);
  expect(isAlive(ownIdentity())).toBe(true);
});

test('a zombie counts as ended', async () => {
  // sleep never waits for the child that it has inherited from bash.
  const { leader } = openSession('true & exec sleep 100');
  await until(() => readFileSync(`/proc/${leader.pid}/comm`, 'utf8') === 'sleep\n');
  await until(() => sessionProcesses(leader).length === 1);
  expect(sessionProcesses(leader)).toEqual([leader.pid]);
  expect(await killSession(leader, { graceMs: 0 })).toEqual([]);
});

test('every process of a session is ended: deaf to SIGTERM, in groups of their own, orphaned', async () => {
  const deaf = 'trap "" TERM; while :; do sleep 0.1; done';
  const { child, leader } = openSession(`set -m; (${deaf}) & (set -m; (${deaf}) & ) ; (${deaf}) & ${deaf}`);
  await until(() => sessionProcesses(leader).length >= 8);
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(sessionProcesses(leader).length).toBeGreaterThanOrEqual(3);

  expect(await killSession(leader, { graceMs: 150 })).toEqual([]);
  expect(sessionProcesses(leader)).toEqual([]);
});

test('SIGTERM comes first, and what obeys it needs no SIGKILL', async () => {
  const { child, leader } = openSession('trap "exit 7" TERM; while :; do sleep 0.02; done');
  const exit = once(child, 'exit');
  await until(() => sessionProcesses(leader).length >= 2);
  expect(await killSession(leader, { graceMs: 10_000 })).toEqual([]);
  expect(await exit).toEqual([7, null]);
});

test('a stranger who has inherited the pid of an ended leader is left alone', async () => {
  const { child, leader } = openSession('sleep 100');
  const predecessor = { ...leader, startTimeTicks: leader.startTimeTicks - 1 };
  expect(sessionProcesses(predecessor)).toEqual([]);
  expect(await killSession(predecessor, { graceMs: 0 })).toEqual([]);
  expect(isAlive(leader)).toBe(true);
  child.kill('SIGKILL');
});
