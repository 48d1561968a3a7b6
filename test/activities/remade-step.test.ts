import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { expect, test } from 'vitest';
import { createCheckpoint } from '../../src/activities/checkpoint.js';
import { createLocate } from '../../src/activities/locate.js';
import { sweepLeftovers } from '../../src/activities/sweep-leftovers.js';
import type { StepOutcome, StepRequest } from '../../src/contracts/steps.js';
import { bashJob } from '../platform/process/jobs-fixture.js';
import { testAdmission } from '../support/specs.js';
import { converter, good, openHost, writeConfig, writeWeights } from './tool-host.js';

const attempt = (number: number) =>
  new MockActivityEnvironment({ attempt: number }, { logger: new DefaultLogger('ERROR') });

/** A step's activities in a run that was resumed from it. */
async function openResumed(program: string) {
  const host = await openHost(program);
  const { dependencies, model } = host;
  const requestOf = (remake: string): StepRequest => ({
    admitted: { ...testAdmission(), remake: { id: remake, steps: ['baseline-checkpoint'] } },
    step: 'baseline-checkpoint',
    inputs: { model: model.digest },
  });
  const remade = (remake: string): Promise<StepOutcome> =>
    attempt(1).run(() => createCheckpoint(dependencies)(requestOf(remake)));
  const located = (remake: string) => attempt(1).run(() => createLocate(dependencies)(requestOf(remake)));
  return { ...host, remade, located };
}

test('a step that is made anew runs its tool although the store has its artifact, once', async () => {
  const { convert, runs, remade, located } = await openResumed(good);
  const { key } = await convert();
  expect(await located('resumed')).toMatchObject({ key, artifact: null });
  expect(await remade('resumed')).toMatchObject({ key, status: 'ran' });
  expect(await runs()).toBe(2);
  expect(await remade('resumed')).toMatchObject({ status: 'reused' });
  expect(await located('resumed')).toMatchObject({ artifact: { kind: 'checkpoint' } });
  expect(await runs()).toBe(2);
  expect(await located('another')).toMatchObject({ artifact: null });
});

test('later runs reuse what was made anew, in place of what a tool with a seed of its own made before', async () => {
  const { convert, remade } = await openResumed(
    converter(`${writeConfig()}\n${writeWeights()}\ndate +%N > "$output/seed.txt"`),
  );
  const before = await convert();
  const anew = await remade('resumed');
  expect(anew.artifact.digest).not.toBe(before.artifact.digest);
  expect(await convert()).toEqual({ ...anew, status: 'reused' });
});

test('a worker that comes back leaves the finished tool of a remake to its next attempt', async () => {
  const { dependencies, convert, left } = await openResumed(good);
  const { key } = await convert();
  const jobId = `convert-${key}`;
  await dependencies.jobs.run(bashJob('true', { jobId }));
  const scratch = join(dependencies.places.scratch, jobId);
  await mkdir(scratch, { recursive: true });
  await writeFile(join(scratch, 'made'), 'for hours');
  expect(await sweepLeftovers(dependencies)).toEqual([]);
  expect(await left(scratch)).toEqual(['made']);
});

test('failures are not cached: a step that was given up has all its attempts again when it is asked for again', async () => {
  const { dependencies, model } = await openHost(converter('echo out of luck; exit 3'));
  const request: StepRequest = {
    admitted: testAdmission(),
    step: 'baseline-checkpoint',
    inputs: { model: model.digest },
  };
  const convert = (number: number) => attempt(number).run(() => createCheckpoint(dependencies)(request));
  for (let asked = 0; asked < 2; asked += 1) {
    await expect(convert(1)).rejects.toMatchObject({ type: 'ToolFailed', retryable: true });
    await expect(convert(2)).rejects.toMatchObject({ type: 'AttemptsExhausted', context: { failures: 2 } });
  }
});
