import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { bashJob, temporaryRunner, until } from './jobs-fixture.js';

/** Adds a line to a file, and succeeds from the `succeeds`th time on. */
const counting = (file: string, succeeds = 1) => ({
  endCommand: ['bash', '-c', `echo ended >> ${file}; test $(wc -l < ${file}) -ge ${succeeds}`],
});

const linesOf = (file: string): number => readFileSync(file, 'utf8').split('\n').length - 1;

test('a run is over when its end command succeeds, however often that takes', async () => {
  const { jobs, jobsDirectory } = temporaryRunner();
  const file = join(jobsDirectory, 'ends');
  const outcome = await jobs.run(bashJob(`test ! -e ${file} && exit 3`, counting(file, 2)));
  expect(outcome).toMatchObject({ exitCode: 3, endedBy: 'tool' });
  expect(linesOf(file)).toBe(2);
  await jobs.remove('job');
  expect(linesOf(file)).toBe(2);
});

test('a run that is ended runs its end command after its session', async () => {
  const { jobs, jobsDirectory } = temporaryRunner();
  const [ready, end] = [join(jobsDirectory, 'ready'), join(jobsDirectory, 'end')];
  const deaf = `trap "" TERM; echo $$ > ${ready}; while :; do sleep 0.1; done`;
  await jobs.start(
    bashJob(deaf, {
      endCommand: ['bash', '-c', `kill -0 $(cat ${ready}) && echo alive > ${end} || echo dead > ${end}`],
    }),
  );
  await until(() => readFile(ready, 'utf8').catch(() => ''));
  await jobs.stop('job', { graceMs: 100 });
  expect(await readFile(end, 'utf8')).toBe('dead\n');
});

test('who ends a run that has lost its supervisor runs its end command', async () => {
  const { jobs, jobsDirectory } = temporaryRunner();
  const file = join(jobsDirectory, 'ends');
  const { identity } = await jobs.start(bashJob('sleep 100', counting(file, 2)));
  const claim = JSON.parse(await readFile(join(jobsDirectory, 'job/runs/1/claim.json'), 'utf8'));
  process.kill(claim.supervisor.pid, 'SIGKILL');
  process.kill(identity.pid, 'SIGKILL');
  await until(async () => (await jobs.inspect('job')).state === 'lost');
  await jobs.remove('job');
  expect(linesOf(file)).toBe(2);
  expect(await jobs.inspect('job')).toEqual({ state: 'absent' });
});
