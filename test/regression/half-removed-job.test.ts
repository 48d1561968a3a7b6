import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { bashJob, startProgram, temporaryRunner, until } from '../platform/process/jobs-fixture.js';

/** What was left of the run had its number and no record: every later run of the job waited for it, for ever. */
test('a job whose removal was killed half-way runs again', async () => {
  const { jobs, jobsDirectory } = temporaryRunner();
  await jobs.run(bashJob('true'));
  const directory = join(jobsDirectory, 'job');
  const many = join(directory, 'runs', '1', 'zzz');
  mkdirSync(many);
  for (let index = 0; index < 3_000; index += 1) writeFileSync(join(many, `${index}`), '');

  const remover = startProgram('job-remover.program.ts', jobsDirectory);
  await until(() => !existsSync(join(directory, 'runs', '1', 'job.json')));
  remover.kill('SIGKILL');

  expect(await jobs.run(bashJob('exit 7'))).toMatchObject({ exitCode: 7 });
});
