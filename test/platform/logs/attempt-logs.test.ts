import { appendFileSync, mkdtempSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { attemptDirectory, listAttemptLogs, removeLogsBefore } from '../../../src/platform/logs/attempt-logs.js';
import { startLogMirror } from '../../../src/platform/logs/log-mirror.js';
import { createLogReader } from '../../../src/platform/logs/log-reader.js';
import { until } from '../process/jobs-fixture.js';

const facts = { workflowId: 'pipeline', runId: 'run-1', step: 'engine', attempt: 1, host: 'host-a' };
const ended = { state: 'succeeded', failure: null } as const;

function open(changes: Partial<typeof facts> = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'enginesmith-logs-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const logPath = join(directory, 'tool.log');
  const logsDirectory = join(directory, 'logs');
  const failures: unknown[] = [];
  const mirror = () =>
    startLogMirror({
      logsDirectory,
      logPath,
      facts: { ...facts, ...changes },
      onFailure: (failure) => failures.push(failure),
    });
  const read = () => {
    const lines: string[] = [];
    const reader = createLogReader(attemptDirectory(logsDirectory, { ...facts, ...changes }), (line) =>
      lines.push(line),
    );
    return { lines, ...reader };
  };
  return { directory, logPath, logsDirectory, failures, mirror, read };
}

test('what a tool prints can be read from the store within a second or two, and all of it when it has ended', async () => {
  const { logPath, logsDirectory, mirror, read } = open();
  const copying = await mirror();
  const reader = read();
  expect(await listAttemptLogs(logsDirectory, 'run-1')).toMatchObject([{ ...facts, state: 'running', endedAt: null }]);
  writeFileSync(logPath, 'first\n');
  const startedMs = performance.now();
  await until(async () => {
    await reader.poll();
    return reader.lines.length === 1;
  });
  expect(performance.now() - startedMs).toBeLessThan(5_000);
  appendFileSync(logPath, 'second\n10%\r20%\rlast, without an end');
  await copying.finish(ended);
  await reader.finish();
  expect(reader.lines).toEqual(['first', 'second', '20%', 'last, without an end']);
  expect(await listAttemptLogs(logsDirectory, 'run-1')).toMatchObject([{ state: 'succeeded' }]);
});

test('of a flood the beginning and the end are kept, and a reader is told how much is not', async () => {
  const { logPath, logsDirectory, mirror, read } = open();
  const line = (index: number) => `${`${index}`.padStart(15, '0')}\n`;
  const copying = await mirror();
  const many = 300_000;
  for (let part = 0; part < 10; part += 1) {
    appendFileSync(logPath, Array.from({ length: many }, (_, index) => line(part * many + index)).join(''));
    await copying.flush();
  }
  await copying.finish(ended);
  const directory = attemptDirectory(logsDirectory, facts);
  const bytes = readdirSync(directory).reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);
  expect(bytes).toBeLessThan(21 * 1024 * 1024);
  const reader = read();
  await reader.finish();
  expect(reader.lines[0]).toBe(line(0).trim());
  expect(reader.lines.at(-1)).toBe(line(10 * many - 1).trim());
  const gaps = reader.lines.filter((text) => text.startsWith('[… '));
  expect(gaps.length).toBeGreaterThan(0);
  const missing = gaps.reduce((sum, text) => sum + Number(/\d+/.exec(text)?.[0]), 0);
  expect(missing + bytes).toBeGreaterThanOrEqual(10 * many * 16);
});

test('a store that cannot be written costs a warning, and the copy is whole when it can be again', async () => {
  const { directory, logPath, logsDirectory, failures, mirror, read } = open();
  writeFileSync(logsDirectory, 'no directory');
  writeFileSync(logPath, 'kept\n');
  const copying = await mirror();
  await copying.flush();
  await copying.flush();
  expect(failures).toHaveLength(1);
  rmSync(join(directory, 'logs'));
  await copying.finish(ended);
  const reader = read();
  await reader.finish();
  expect(reader.lines).toEqual(['kept']);
});

test('logs are removed by run, once nothing was written for as long as asked', async () => {
  const { logPath, logsDirectory, mirror } = open();
  writeFileSync(logPath, 'old\n');
  await (await mirror()).finish(ended);
  const before = new Date();
  const past = new Date(before.getTime() - 60_000);
  expect(await removeLogsBefore(logsDirectory, past)).toEqual([]);
  for (const path of [
    'run-1',
    'run-1/engine-1',
    ...readdirSync(join(logsDirectory, 'run-1/engine-1')).map((name) => `run-1/engine-1/${name}`),
  ])
    utimesSync(join(logsDirectory, path), past, new Date(past.getTime() - 1));
  expect(await removeLogsBefore(logsDirectory, past)).toEqual(['run-1']);
  expect(await listAttemptLogs(logsDirectory, 'run-1')).toEqual([]);
});
