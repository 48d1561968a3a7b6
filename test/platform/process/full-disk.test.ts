import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createJobRunner } from '../../../src/platform/process/job-runner.js';
import { smallDisk } from '../hub/small-disk.js';
import { bashJob, until } from './jobs-fixture.js';

test('a tool that ends on a full disk has an outcome, though others take all that is freed', async ({ skip }) => {
  const disk = await smallDisk({ kibibytes: 1024, inodes: 100 });
  if (disk === undefined) return skip('nobody may mount here');
  const jobs = createJobRunner({ jobsDirectory: join(disk, 'jobs') });
  const go = join(disk, 'go');
  await jobs.start(bashJob(`until test -e ${go}; do sleep 0.02; done; exit 7`));
  let isFull = false;
  const filling = setInterval(() => {
    try {
      for (;;) appendFileSync(join(disk, 'filler'), Buffer.alloc(4096));
    } catch {
      isFull = true;
    }
  }, 5);
  onTestFinished(() => clearInterval(filling));
  await until(() => isFull);
  appendFileSync(go, '');
  expect(await until(() => exitOf(jobs))).toMatchObject({ exitCode: 7, endedBy: 'tool' });
  expect(await jobs.ledger('job')).toMatchObject([{ exitCode: 7 }]);
});

test('a tool is ended as soon as it is asked for, where nothing can be written', async ({ skip }) => {
  const disk = await smallDisk({ kibibytes: 1024, inodes: 100 });
  if (disk === undefined) return skip('nobody may mount here');
  const jobs = createJobRunner({ jobsDirectory: join(disk, 'jobs') });
  await jobs.start(bashJob('sleep 600'));
  const [pid = 0] = await jobs.processesOf('job');
  expect(() => {
    for (;;) appendFileSync(join(disk, 'filler'), Buffer.alloc(4096));
  }).toThrow('ENOSPC');
  expect(() => {
    for (let index = 0; ; index += 1) appendFileSync(join(disk, `file-${index}`), 'x');
  }).toThrow('ENOSPC');
  await jobs.stop('job', { graceMs: 2_000 });
  expect(() => process.kill(pid, 0)).toThrow('ESRCH');
});

/** @returns undefined while it runs */
async function exitOf(jobs: ReturnType<typeof createJobRunner>) {
  const job = await jobs.inspect('job');
  if (job.state === 'lost') throw new Error('the supervisor has died');
  return job.state === 'exited' ? job.exit : undefined;
}
