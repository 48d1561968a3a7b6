import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  identityOf,
  isAlive,
  type ProcessIdentity,
  sessionProcesses,
} from '../../../src/platform/process/process-identity.js';
import { bashJob, environment, temporaryRunner, until } from './jobs-fixture.js';

test('the outcome of a task holds its exit code, times and the end of its output', async () => {
  const { jobs } = temporaryRunner();
  const lines: string[] = [];
  const outcome = await jobs.run(
    bashJob('for i in $(seq 100); do echo line $i; done; echo bad >&2; exit 3', {
      onOutput: (line) => lines.push(line),
    }),
  );
  expect(outcome).toMatchObject({ exitCode: 3, signal: null, endedBy: 'tool', adopted: false });
  expect(Date.parse(outcome.endedAt)).toBeGreaterThanOrEqual(Date.parse(outcome.startedAt));
  expect(outcome.logTail.split('\n')).toHaveLength(40);
  expect(outcome.logTail).toMatch(/line 100\nbad$/);
  expect(lines).toHaveLength(101);
  expect(readFileSync(outcome.logPath, 'utf8')).toContain('line 1\n');
});

test('a task that dies of a signal says which', async () => {
  const { jobs } = temporaryRunner();
  expect(await jobs.run(bashJob('kill -SEGV $$'))).toMatchObject({
    exitCode: null,
    signal: 'SIGSEGV',
    endedBy: 'tool',
  });
});

test('the tool gets its arguments, its directory, no input and exactly its environment, with the mark of its run', async () => {
  const { jobs, jobsDirectory } = temporaryRunner();
  const argv = ['bash', '-c', 'cat; pwd; printf "%s|" "$@"; echo; env', 'name', 'two words', '$HOME', '*', ''] as const;
  const { logTail } = await jobs.run({
    ...bashJob(''),
    argv,
    workingDirectory: jobsDirectory,
    environment: { ...environment, ONLY: 'this' },
  });
  const [directory, parameters, ...variables] = logTail.split('\n');
  expect(directory).toBe(jobsDirectory);
  expect(parameters).toBe('two words|$HOME|*||');
  // The shell's own three aside.
  const shells = ['PWD', 'SHLVL', '_'];
  expect(variables.map((line) => line.split('=')[0]).sort()).toEqual(['ENGINESMITH_RUN', 'ONLY', 'PATH', ...shells]);
});

test('a program that is not there is a missing tool, and no attempt', async () => {
  const { jobs, jobsDirectory } = temporaryRunner();
  await writeFile(join(jobsDirectory, 'plain'), 'not executable', { mode: 0o644 });
  const missing = jobs.run({ ...bashJob(''), argv: ['trtllm-build-not-installed'] });
  await expect(missing).rejects.toMatchObject({
    type: 'ToolMissing',
    context: { program: 'trtllm-build-not-installed' },
  });
  await expect(jobs.run({ ...bashJob(''), argv: [join(jobsDirectory, 'plain')] })).rejects.toMatchObject({
    type: 'ToolMissing',
  });
  expect(await jobs.inspect('job')).toEqual({ state: 'absent' });
  expect(await jobs.ledger('job')).toEqual([]);
});

test('a job id that is no plain file name is refused', async () => {
  const { jobs } = temporaryRunner();
  await expect(jobs.run(bashJob('true', { jobId: '../escape' }))).rejects.toMatchObject({ type: 'InvalidSpec' });
});

test('a working directory that is gone fails the tool, and the log says why', async () => {
  const { jobs, jobsDirectory } = temporaryRunner();
  const outcome = await jobs.run({
    ...bashJob(''),
    argv: ['/bin/true'],
    workingDirectory: join(jobsDirectory, 'gone'),
  });
  expect(outcome).toMatchObject({ exitCode: 127, logTail: expect.stringContaining('working directory') });
});

test('a secret in the environment is in none of the files of the job', async () => {
  const { jobs, jobsDirectory } = temporaryRunner();
  const secret = 'hf_secret_that_must_not_leak';
  const outcome = await jobs.run(bashJob('test -n "$HF_TOKEN"', { environment: { ...environment, HF_TOKEN: secret } }));
  expect(outcome.exitCode).toBe(0);
  const files = execFileSync('find', [jobsDirectory, '-type', 'f'], { encoding: 'utf8' }).trim().split('\n');
  expect(files.length).toBeGreaterThanOrEqual(6);
  for (const file of files) expect(readFileSync(file, 'utf8')).not.toContain(secret);
});

test('a finished run counts until it is removed; the ledger keeps each outcome of the tool', async () => {
  const { jobs } = temporaryRunner();
  const first = await jobs.run(bashJob('exit 5'));
  const again = await jobs.run(bashJob('exit 5'));
  expect(again).toMatchObject({ runId: first.runId, exitCode: 5, adopted: true });

  await jobs.remove('job');
  expect(await jobs.inspect('job')).toEqual({ state: 'absent' });
  expect(await jobs.run(bashJob('exit 6'))).toMatchObject({ exitCode: 6, adopted: false });
  expect((await jobs.ledger('job')).map(({ exitCode }) => exitCode)).toEqual([5, 6]);
});

test('another command ends the old run and starts anew', async () => {
  const { jobs } = temporaryRunner();
  const { identity } = await jobs.start(bashJob('trap "" TERM; while :; do sleep 0.1; done'));
  expect(await jobs.run(bashJob('echo other'))).toMatchObject({ exitCode: 0, adopted: false, logTail: 'other' });
  expect(sessionProcesses(identity)).toEqual([]);
  expect(await jobs.ledger('job')).toHaveLength(1);
});

test('an abort ends everything in the session before its reason is thrown', async () => {
  const { jobs } = temporaryRunner();
  const abort = new AbortController();
  const reason = new Error('cancelled');
  const deaf = 'trap "" TERM; while :; do sleep 0.1; done';
  const leaders: ProcessIdentity[] = [];
  const job = bashJob(`set -m; (${deaf}) & (set -m; (${deaf}) &); echo ready; ${deaf}`, {
    signal: abort.signal,
    onStart: (leader) => leaders.push(leader),
    onOutput: () => abort.abort(reason),
  });
  await expect(jobs.run(job)).rejects.toBe(reason);
  expect(leaders.map((leader) => [isAlive(leader), sessionProcesses(leader)])).toEqual([[false, []]]);
  expect(await jobs.inspect('job')).toMatchObject({ state: 'exited', exit: { endedBy: 'request' } });
  expect(await jobs.ledger('job')).toEqual([]);
});

test('a run that was ended is no outcome: the next attempt starts the same command again', async () => {
  const { jobs, jobsDirectory } = temporaryRunner();
  const starts = join(jobsDirectory, 'starts');
  const job = bashJob(`echo x >> ${starts}; test $(wc -l < ${starts}) = 2 || sleep 100`);
  const abort = new AbortController();
  const reason = new Error('cancelled');
  const ended = expect(jobs.run({ ...job, signal: abort.signal })).rejects.toBe(reason);
  await until(() => existsSync(starts) && readFileSync(starts, 'utf8') === 'x\n');
  abort.abort(reason);
  await ended;
  expect(await jobs.run(job)).toMatchObject({ exitCode: 0, adopted: false });
});

test('what a task leaves behind in its session is ended with it', async () => {
  const { jobs } = temporaryRunner();
  const job = bashJob('(trap "" TERM; echo $BASHPID; sleep 100) & sleep 0.3; exit 0');
  const { logTail, ...outcome } = await jobs.run(job);
  expect(outcome).toMatchObject({ exitCode: 0, endedBy: 'tool' });
  expect(Number(logTail)).toBeGreaterThan(1);
  const left = identityOf(Number(logTail));
  expect(left !== undefined && isAlive(left)).toBe(false);
});

test('a service lives on when its first process returns, as mpirun does under its launcher', async () => {
  const { jobs } = temporaryRunner();
  const service = bashJob('(sleep 100 &) ; echo launched', { kind: 'service', ownerTimeoutMs: null });
  const { identity, adopted } = await jobs.start(service);
  expect(adopted).toBe(false);
  await until(() => !isAlive(identity));
  expect(await jobs.inspect('job')).toMatchObject({ state: 'running', identity });
  expect(await jobs.start(service)).toEqual({ identity, adopted: true });

  const waiting = jobs.wait('job');
  await jobs.stop('job', { graceMs: 1000 });
  expect(await waiting).toMatchObject({ endedBy: 'request', logTail: 'launched' });
  expect(sessionProcesses(identity)).toEqual([]);
});

test('a service that ends by itself is noticed, and started anew', async () => {
  const { jobs } = temporaryRunner();
  const service = bashJob('(sleep 0.3) & exit 0', { kind: 'service', ownerTimeoutMs: null });
  const { identity } = await jobs.start(service);
  expect(await jobs.wait('job')).toMatchObject({ endedBy: 'tool', exitCode: 0 });
  const second = await jobs.start(service);
  expect(second.adopted).toBe(false);
  expect(second.identity).not.toEqual(identity);
});

test('an abort of wait leaves the service alone', async () => {
  const { jobs } = temporaryRunner();
  const { identity } = await jobs.start(bashJob('exec sleep 100', { kind: 'service', ownerTimeoutMs: null }));
  await expect(jobs.wait('job', { signal: AbortSignal.timeout(50) })).rejects.toMatchObject({ name: 'TimeoutError' });
  expect(isAlive(identity)).toBe(true);
});

test('a grace time given to stop is granted', async () => {
  const { jobs, jobsDirectory } = temporaryRunner();
  const proof = join(jobsDirectory, 'cleaned-up');
  await writeFile(proof, '');
  const script = `trap 'sleep 0.5; echo done > ${proof}; exit' TERM; echo ready; while :; do sleep 0.05; done`;
  const output: string[] = [];
  const run = jobs.run(bashJob(script, { killGraceMs: 0, onOutput: (line) => output.push(line) }));
  const refusal = expect(run).rejects.toMatchObject({ type: 'ToolFailed', context: { endedBy: 'request' } });
  await until(() => output.includes('ready'));
  await jobs.stop('job', { graceMs: 10_000 });
  await refusal;
  expect(readFileSync(proof, 'utf8')).toBe('done\n');
});

test('waiting for a job that nobody started is refused', async () => {
  const { jobs } = temporaryRunner();
  await expect(jobs.wait('job')).rejects.toMatchObject({ type: 'NotFound' });
});
