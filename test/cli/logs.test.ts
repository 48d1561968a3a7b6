import { appendFileSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { followLogs } from '../../src/cli/follow-logs.js';
import { type AttemptRecord, attemptFiles, listAttemptLogs } from '../../src/platform/logs/attempt-logs.js';
import { type AttemptFacts, startLogMirror } from '../../src/platform/logs/log-mirror.js';
import { until } from '../platform/process/jobs-fixture.js';
import { enginesmith, shell, temporaryDirectory } from './cli-fixture.js';

const workflowId = 'tiny-fp8-0123456789ab';

async function home() {
  const ENGINESMITH_HOME = await temporaryDirectory();
  const logsDirectory = join(ENGINESMITH_HOME, 'store/logs');
  await mkdir(logsDirectory, { recursive: true });
  const start = async (changes: Partial<AttemptFacts>) => {
    const facts = { workflowId, runId: 'run-1', step: 'engine', attempt: 1, host: 'gpu-1', ...changes };
    const logPath = join(ENGINESMITH_HOME, `${facts.step}-${facts.activityId ?? ''}-${facts.attempt}`);
    const mirror = await startLogMirror({ logsDirectory, logPath, facts, onFailure: () => {} });
    return { logPath, ...mirror };
  };
  const attempt = async (
    text: string,
    end: Pick<AttemptRecord, 'state' | 'failure'>,
    changes: Partial<AttemptFacts> = {},
  ) => {
    const started = await start(changes);
    writeFileSync(started.logPath, text);
    await started.finish(end);
    return started;
  };
  return {
    logsDirectory,
    start,
    attempt,
    environment: { ENGINESMITH_HOME },
    call: (...args: string[]) => enginesmith(['logs', ...args], { ENGINESMITH_HOME }),
  };
}

const succeeded = { state: 'succeeded', failure: null } as const;
const stalled = { state: 'failed', failure: { type: 'Stalled', message: 'it slept' } } as const;

test('logs of all attempts are listed and printed without a server, those that failed too', async () => {
  const { attempt, call } = await home();
  const first = await attempt('\u001b[31mred\u001b[0m hf_abcdefghijklmnopqrstuvwxyz0123\n', stalled);
  writeFileSync(attemptFiles(first.directory).stacks, '== 7: mpirun\nwaits in: futex_wait\n');
  await attempt('second\n', succeeded, { attempt: 2 });
  await attempt('of another pipeline\n', succeeded, { workflowId: 'other', runId: 'run-2' });

  const list = await call(workflowId, '--json');
  expect(JSON.parse(list.stdout).attempts).toMatchObject([
    { step: 'engine', attempt: 1, state: 'failed', host: 'gpu-1', failure: { type: 'Stalled' } },
    { step: 'engine', attempt: 2, state: 'succeeded' },
  ]);
  expect((await call(workflowId)).stdout).toMatch(/engine +1 +failed +gpu-1 .* Stalled/);
  expect(await call(workflowId, '--step', 'engine')).toMatchObject({ exitCode: 0, stdout: 'second' });
  const failed = await call('run-1', '--step', 'engine', '--attempt', '1');
  expect(failed).toMatchObject({ exitCode: 0, stdout: 'red hf_…' });
  expect(failed.stderr).toBe('engine, attempt 1, failed on gpu-1: Stalled. it slept');
  const stacks = await call(workflowId, '--step', 'engine', '--attempt', '1', '--stacks', '--json');
  expect(stacks.stdout.split('\n')[1]).toBe('{"line":"waits in: futex_wait"}');
});

test('a reader that has read enough ends the log, without a word', async () => {
  const { attempt, environment } = await home();
  await attempt('a line of a tool that says much\n'.repeat(50_000), succeeded);
  const read = await shell(`enginesmith logs ${workflowId} --step engine | head -1`, environment);
  expect(read).toEqual({ exitCode: 0, stdout: 'a line of a tool that says much', stderr: '' });
});

test('what has no log is said, with what has', async () => {
  const { attempt, call } = await home();
  expect(await call(workflowId)).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('none has run yet') });
  await attempt('x\n', succeeded);
  const unknown = await call(workflowId, '--step', 'checkpoint');
  expect(unknown).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('There are logs of engine.') });
  expect(await call(workflowId, '--step', 'engine', '--stacks')).toMatchObject({ exitCode: 2 });
  expect(await call(workflowId, '-f')).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('--step') });
});

test('of attempts with one number the latest is printed, and where the others are', async () => {
  const { attempt, call } = await home();
  const first = await attempt('first\n', stalled, { activityId: '3' });
  await attempt('made again\n', succeeded, { activityId: '9' });
  const chosen = await call(workflowId, '--step', 'engine', '--attempt', '1');
  expect(chosen).toMatchObject({ exitCode: 0, stdout: 'made again' });
  expect(chosen.stderr).toContain('This is the latest of 2');
  expect(chosen.stderr).toContain(first.directory);
});

test('a log is followed from one attempt to the next until the step has ended', async () => {
  const { logsDirectory, start } = await home();
  const lines: string[] = [];
  const notes: string[] = [];
  const following = followLogs({
    step: 'engine',
    list: () => listAttemptLogs(logsDirectory, 'run-1'),
    nothingFollows: async () => false,
    print: (line) => lines.push(line),
    note: (line) => notes.push(line),
  });
  const first = await start({});
  appendFileSync(first.logPath, 'one\n');
  await until(() => lines.includes('one'));
  appendFileSync(first.logPath, 'two\n');
  await first.finish(stalled);
  const second = await start({ attempt: 2 });
  appendFileSync(second.logPath, 'three\n');
  await until(() => lines.includes('three'));
  appendFileSync(second.logPath, 'four');
  await second.finish(succeeded);
  await following;
  expect(lines).toEqual(['one', 'two', 'three', 'four']);
  expect(notes).toEqual([
    'engine, attempt 1 on gpu-1',
    'engine, attempt 2 on gpu-1',
    'engine, attempt 2, succeeded on gpu-1',
  ]);
});

test('a step that has failed for good ends the following, with all that was printed', async () => {
  const { logsDirectory, attempt } = await home();
  await attempt('last words\n', stalled);
  const lines: string[] = [];
  await followLogs({
    step: 'engine',
    list: () => listAttemptLogs(logsDirectory, 'run-1'),
    nothingFollows: async () => true,
    print: (line) => lines.push(line),
    note: () => {},
  });
  expect(lines).toEqual(['last words']);
});
