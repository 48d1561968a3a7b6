import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createJobRunner } from '../../src/platform/process/job-runner.js';
import { isAlive, type ProcessIdentity, sessionProcesses } from '../../src/platform/process/process-identity.js';
import { bashJob, startProgram, temporaryRunner, until } from '../platform/process/jobs-fixture.js';

/** Waits until `go` exists; counts its starts. */
const waitingScript = (directory: string) =>
  `echo x >> ${directory}/starts; echo before; until test -e ${directory}/go; do sleep 0.05; done; echo after; exit 9`;

const starts = (directory: string) => readFileSync(join(directory, 'starts'), 'utf8').length / 2;

const supervisorOf = (jobsDirectory: string, run = 1): ProcessIdentity =>
  JSON.parse(readFileSync(join(jobsDirectory, `job/runs/${run}/claim.json`), 'utf8')).supervisor;

async function runningTool(jobs: ReturnType<typeof createJobRunner>): Promise<ProcessIdentity> {
  return until(async () => {
    const found = await jobs.inspect('job');
    return found.state === 'running' ? found.identity : undefined;
  });
}

test('a tool survives the SIGKILL of its worker, and the next worker gets its output and exit code', async () => {
  const { jobs, jobsDirectory } = temporaryRunner();
  const options = bashJob(waitingScript(jobsDirectory));
  const worker = startProgram('job-owner.program.ts', JSON.stringify({ jobsDirectory, options }));
  const tool = await runningTool(jobs);
  worker.kill('SIGKILL');
  await once(worker, 'exit');
  expect(isAlive(tool)).toBe(true);

  const lines: string[] = [];
  const adopted = jobs.run({ ...options, onOutput: (line) => lines.push(line) });
  await until(() => lines.includes('before'));
  await writeFile(join(jobsDirectory, 'go'), '');
  expect(await adopted).toMatchObject({ exitCode: 9, adopted: true, logTail: 'before\nafter' });
  expect(lines).toEqual(['before', 'after']);
  expect(starts(jobsDirectory)).toBe(1);
});

test('a tool that ends while no worker lives leaves its outcome to the next', async () => {
  const { jobs, jobsDirectory } = temporaryRunner();
  const options = bashJob(waitingScript(jobsDirectory));
  const worker = startProgram('job-owner.program.ts', JSON.stringify({ jobsDirectory, options }));
  await runningTool(jobs);
  worker.kill('SIGKILL');
  await writeFile(join(jobsDirectory, 'go'), '');
  await until(async () => (await jobs.inspect('job')).state === 'exited');
  const lines: string[] = [];
  const offset = 'before\n'.length;
  const outcome = await jobs.run({ ...options, logOffset: offset, onOutput: (line) => lines.push(line) });
  expect(outcome).toMatchObject({ exitCode: 9, adopted: true });
  expect(lines).toEqual(['after']);
  expect(await jobs.ledger('job')).toHaveLength(1);
});

test('a tool is ended when its worker dies and nobody comes back in time', async () => {
  const { jobs, jobsDirectory } = temporaryRunner();
  const deaf = 'set -m; (trap "" TERM; sleep 100; sleep 100) & trap "" TERM; sleep 100; sleep 100';
  const options = bashJob(deaf, { ownerTimeoutMs: 4_000 });
  const worker = startProgram('job-owner.program.ts', JSON.stringify({ jobsDirectory, options }));
  const tool = await runningTool(jobs);
  await delay(6_000);
  expect(isAlive(tool), 'a worker that lives keeps it').toBe(true);
  worker.kill('SIGKILL');

  await until(async () => (await jobs.inspect('job')).state === 'exited');
  expect(await jobs.inspect('job')).toMatchObject({ exit: { endedBy: 'owner-timeout' } });
  expect(sessionProcesses(tool)).toEqual([]);
  expect(await jobs.ledger('job')).toEqual([]);
});

test('a supervisor that was frozen for longer than that looks again before it ends the tool of a worker that lives', async () => {
  const { jobs, jobsDirectory } = temporaryRunner();
  const ownerTimeoutMs = 2_000;
  const options = bashJob(waitingScript(jobsDirectory), { ownerTimeoutMs });
  const worker = startProgram('job-owner.program.ts', JSON.stringify({ jobsDirectory, options }));
  const tool = await runningTool(jobs);
  const { pid } = supervisorOf(jobsDirectory);
  process.kill(pid, 'SIGSTOP');
  await delay(2 * ownerTimeoutMs);
  process.kill(pid, 'SIGCONT');
  // It has looked many times by then.
  await delay(ownerTimeoutMs);
  expect(isAlive(tool)).toBe(true);
  worker.kill('SIGKILL');
  await until(async () => (await jobs.inspect('job')).state === 'exited');
  expect(await jobs.inspect('job')).toMatchObject({ exit: { endedBy: 'owner-timeout' } });
});

test('an owner that was replaced stops waiting and ends nothing', async () => {
  const { jobs, jobsDirectory } = temporaryRunner();
  const options = bashJob(waitingScript(jobsDirectory));
  const older = jobs.run(options);
  const refused = expect(older).rejects.toMatchObject({ type: 'ClaimHeld', benign: true });
  const tool = await runningTool(jobs);
  const newer = createJobRunner({ jobsDirectory }).run(options);
  await refused;
  expect(isAlive(tool)).toBe(true);
  await writeFile(join(jobsDirectory, 'go'), '');
  expect(await newer).toMatchObject({ exitCode: 9, adopted: true });
});

test('an abort that comes after another attempt took over ends nothing', async () => {
  const { jobs, jobsDirectory } = temporaryRunner();
  const options = bashJob(waitingScript(jobsDirectory));
  const abort = new AbortController();
  const older = jobs.run({ ...options, signal: abort.signal });
  const refused = expect(older).rejects.toThrow();
  const tool = await runningTool(jobs);
  const owner = () => readFileSync(join(jobsDirectory, 'job/runs/1/owner.json'), 'utf8');
  const olderOwner = owner();
  const newer = createJobRunner({ jobsDirectory }).run(options);
  await until(() => owner() !== olderOwner);
  abort.abort(new Error('cancelled'));
  await refused;
  expect(isAlive(tool)).toBe(true);
  await writeFile(join(jobsDirectory, 'go'), '');
  expect(await newer).toMatchObject({ exitCode: 9, adopted: true });
});

test('of runs that race for one job, in several processes, exactly one starts the tool and one gets its outcome', async () => {
  const { jobs, jobsDirectory } = temporaryRunner();
  const options = bashJob(waitingScript(jobsDirectory));
  const others = [1, 2].map(() => startProgram('job-owner.program.ts', JSON.stringify({ jobsDirectory, options })));
  const own = [1, 2, 3].map(() =>
    jobs.run(options).then(
      ({ exitCode }) => ({ exitCode }),
      ({ type }) => ({ failure: type }),
    ),
  );
  const racers = [
    ...own,
    ...others.map(async (other) => {
      await once(other, 'exit');
      return JSON.parse(other.output());
    }),
  ];
  const losers: unknown[] = [];
  for (const racer of racers) void racer.then((result) => losers.push(result));
  await until(() => losers.length === 4);
  await writeFile(join(jobsDirectory, 'go'), '');
  const results = await Promise.all(racers);
  expect(results.filter(({ failure }) => failure === 'ClaimHeld')).toHaveLength(4);
  expect(results.filter(({ exitCode }) => exitCode === 9)).toHaveLength(1);
  expect(starts(jobsDirectory)).toBe(1);
});

test('when its supervisor is killed, the waiting run says so, and the next ends the leftovers and starts anew', async () => {
  const { jobs, jobsDirectory } = temporaryRunner();
  const options = bashJob(waitingScript(jobsDirectory));
  const run = jobs.run(options);
  const refused = expect(run).rejects.toMatchObject({
    type: 'ToolFailed',
    retryable: true,
    context: { endedBy: 'lost' },
  });
  const tool = await runningTool(jobs);
  // One whose supervisor is killed before it lets it go ends by itself.
  await until(() => existsSync(join(jobsDirectory, 'starts')));
  process.kill(supervisorOf(jobsDirectory).pid, 'SIGKILL');
  await refused;
  expect(await jobs.inspect('job')).toMatchObject({ state: 'lost', identity: tool });
  expect(isAlive(tool)).toBe(true);

  const again = jobs.run(options);
  await until(() => existsSync(join(jobsDirectory, 'job/runs/2/tool.json')));
  expect(sessionProcesses(tool)).toEqual([]);
  await writeFile(join(jobsDirectory, 'go'), '');
  expect(await again).toMatchObject({ exitCode: 9, adopted: false });
  expect(await jobs.ledger('job')).toHaveLength(1);
});

test('a supervisor that hangs does not keep its tool alive when it is told to stop', async () => {
  const { jobs, jobsDirectory } = temporaryRunner();
  const { identity } = await jobs.start(bashJob('sleep 100'));
  const supervisor = supervisorOf(jobsDirectory);
  process.kill(supervisor.pid, 'SIGSTOP');
  await jobs.stop('job', { graceMs: 0 });
  expect(sessionProcesses(identity)).toEqual([]);
  await until(() => !isAlive(supervisor));
  expect(await jobs.inspect('job')).toMatchObject({ state: 'exited', exit: { endedBy: 'lost' } });
});

/** What a SIGKILL between two steps leaves behind: a finished run's directory without its later files. */
const crashes = [
  { after: 'the run was created', missing: ['owner.json', 'claim.json', 'tool.json', 'exit.json', 'log'] },
  { after: 'its creator became the owner', missing: ['claim.json', 'tool.json', 'exit.json', 'log'] },
  { after: 'a supervisor had claimed it', missing: ['tool.json', 'exit.json', 'log'] },
  { after: 'the tool was on record', missing: ['exit.json'] },
];

test.each(crashes)('a crash after $after leaves a state from which a run reaches the outcome', async ({ missing }) => {
  const { jobs, jobsDirectory } = temporaryRunner();
  const options = bashJob('echo hello; exit 4');
  await jobs.run(options);
  const supervisor = supervisorOf(jobsDirectory);
  await until(() => !isAlive(supervisor));
  for (const name of missing) await rm(join(jobsDirectory, 'job/runs/1', name));
  expect((await jobs.inspect('job')).state).toBe(missing.includes('claim.json') ? 'absent' : 'lost');
  expect(await jobs.run(options)).toMatchObject({ exitCode: 4, adopted: false, logTail: 'hello' });
  await jobs.remove('job');
  expect(await jobs.ledger('job')).toHaveLength(2);
});

test('a supervisor that comes late for a run that was given up starts nothing', async () => {
  const { jobs, jobsDirectory } = temporaryRunner();
  const options = bashJob(`echo x >> ${jobsDirectory}/starts`);
  await jobs.run(options);
  const run = join(jobsDirectory, 'job/runs/1');
  for (const name of ['claim.json', 'tool.json', 'exit.json']) await rm(join(run, name));
  await jobs.stop('job', { graceMs: 0 });
  const { runId } = JSON.parse(readFileSync(join(run, 'job.json'), 'utf8'));
  const program = '../../../src/platform/process/supervisor-main.ts';
  const late = startProgram(program, run, runId);
  expect(await once(late, 'exit')).toEqual([0, null]);
  expect(starts(jobsDirectory)).toBe(1);
  expect(await jobs.run(options)).toMatchObject({ exitCode: 0 });
  expect(starts(jobsDirectory)).toBe(2);
});
