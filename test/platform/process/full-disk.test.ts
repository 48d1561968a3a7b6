import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createJobRunner } from '../../../src/platform/process/job-runner.js';
import { smallDisk } from '../hub/small-disk.js';
import { bashJob } from './jobs-fixture.js';

test('a tool that fills the disk of its job has an outcome all the same', async ({ skip }) => {
  const disk = await smallDisk({ kibibytes: 1024, inodes: 100 });
  if (disk === undefined) return skip('nobody may mount here');
  const jobs = createJobRunner({ jobsDirectory: join(disk, 'jobs') });
  const fill = `cat /dev/zero > ${disk}/filler; exit 7`;
  expect(await jobs.run(bashJob(fill))).toMatchObject({ exitCode: 7, endedBy: 'tool' });
  expect(await jobs.ledger('job')).toMatchObject([{ exitCode: 7 }]);
});
