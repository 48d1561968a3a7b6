import { Client, Connection } from '@temporalio/client';
import { CancelledFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { expect, test } from 'vitest';
import { endsWithAttempt } from '../../src/activities/attempt.js';
import { runJob } from '../../src/activities/run-job.js';
import { EnginesmithFailure } from '../../src/contracts/failures.js';
import { readLogEnd } from '../../src/platform/process/job-log.js';
import { bashJob, temporaryRunner, until } from '../platform/process/jobs-fixture.js';

/** The attempt whose heartbeats had not got through ended the tool that the next attempt was already waiting for. */
test('a tool is left to the next attempt when the signal was aborted for no reason of its own', async () => {
  const { jobs } = temporaryRunner();
  const command = bashJob('sleep 1; echo made');
  const givenUp = new AbortController();
  const first = runJob(jobs, command, {
    signal: givenUp.signal,
    endsTool: async (reason) => reason !== givenUp.signal.reason,
  });
  await until(async () => (await jobs.inspect(command.jobId)).state === 'running');
  givenUp.abort(new CancelledFailure('NOT_FOUND'));
  await expect(first).rejects.toThrow('NOT_FOUND');
  expect((await jobs.inspect(command.jobId)).state).toBe('running');

  const second = await runJob(jobs, command, {
    signal: new AbortController().signal,
    endsTool: async () => true,
  });
  expect({ exitCode: second.exitCode, printed: await readLogEnd(second.logPath) }).toEqual({
    exitCode: 0,
    printed: 'made\n',
  });
});

test('a cancelled step ends its tool; a lost claim and a worker that shuts down do not', async () => {
  // Nothing listens there: who cannot ask whether the pipeline goes on leaves the tool alone.
  const client = new Client({ connection: Connection.lazy({ address: '127.0.0.1:9' }) });
  const endsTool = (reason: unknown, startedAtMs = Date.now()) =>
    new MockActivityEnvironment({ startToCloseTimeoutMs: 60_000 }).run(() =>
      endsWithAttempt({ client, startedAtMs }, reason),
    );
  expect(await endsTool(new CancelledFailure('CANCELLED'))).toBe(true);
  expect(await endsTool(new CancelledFailure('WORKER_SHUTDOWN'))).toBe(false);
  expect(await endsTool(new EnginesmithFailure('ClaimHeld', 'taken over'))).toBe(false);
  expect(await endsTool(new CancelledFailure('TIMED_OUT'), Date.now() - 60_000)).toBe(true);
});
