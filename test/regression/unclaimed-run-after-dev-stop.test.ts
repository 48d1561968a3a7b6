import { join } from 'node:path';
import { expect, test } from 'vitest';
import { endJobs } from '../../src/cli/environment/end-jobs.js';
import { createRun } from '../../src/platform/process/job-runs.js';
import { readRunState } from '../../src/platform/process/run-state.js';
import { temporaryRunner } from '../platform/process/jobs-fixture.js';

/** A worker that is killed right after it made a run leaves a supervisor on its way, which started the tool after `dev --stop`. */
test('stopping the environment also gives up runs that nobody supervises yet', async () => {
  const { jobsDirectory } = temporaryRunner();
  const job = { kind: 'task' as const, argv: ['true'], workingDirectory: '/', ownerTimeoutMs: null, killGraceMs: 0 };
  const run = await createRun(join(jobsDirectory, 'job'), undefined, job);
  expect(await endJobs(jobsDirectory)).toEqual([]);
  expect(await readRunState(run?.directory ?? '')).toEqual({ state: 'void' });
});
