import { utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import type { WorkflowBundleWithSourceMap } from '@temporalio/worker';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { converter, openHost, writeConfig, writeWeights } from '../activities/tool-host.js';
import { startPipelineOfRealSteps } from '../support/real-steps.js';
import { testAdmission } from '../support/specs.js';
import { startTemporal } from '../support/temporal.js';

/* A tool that finds the disk full as long as the store holds an artifact that nobody needs. */

let environment: TestWorkflowEnvironment;
let bundle: WorkflowBundleWithSourceMap;

beforeAll(async () => {
  ({ environment, bundle } = await startTemporal());
});

afterAll(() => environment.teardown());

async function startPipeline(script: (garbage: string) => string) {
  const admitted = testAdmission();
  const host = await openHost(converter('. "$(dirname "$0")/script"'), { admitted });
  const { store, places } = host.dependencies;
  const staging = await store.stage('engine');
  await writeFile(join(staging.directory, 'rank0.engine'), 'x'.repeat(1000));
  const at = new Date(0).toISOString();
  const { reference } = await staging.commit({
    key: 'e'.repeat(64),
    record: {
      attemptId: 'a',
      step: 'engine',
      argv: [],
      environment: {},
      startedAt: at,
      endedAt: at,
      host: 'h',
      toolchain: null,
    },
  });
  const garbage = join(places.store, 'artifacts', reference.digest.slice(0, 2), reference.digest);
  const longAgo = new Date(Date.now() - 3 * 24 * 3_600_000);
  await utimes(join(garbage, 'manifest.json'), longAgo, longAgo);
  await writeFile(join(host.root, 'bin/script'), script(garbage));
  const pipeline = await startPipelineOfRealSteps({
    environment,
    bundle,
    dependencies: { ...host.dependencies, client: environment.client },
    real: ['baseline-checkpoint'],
    found: host.model,
    admitted,
  });
  return { ...pipeline, runs: host.runs };
}

const full = 'echo "$output/rank0.safetensors: write error: No space left on device"; exit 1';

test('a disk that fills up in the middle of a step has its garbage collected, and the step goes on', async () => {
  const { result, runs } = await startPipeline(
    (garbage) => `[[ ! -e ${garbage} ]] || { ${full}; }\n${writeConfig()}\n${writeWeights()}\n`,
  );
  const { steps } = await result();
  expect(steps.find(({ name }) => name === 'baseline-checkpoint')).toMatchObject({ status: 'ran' });
  expect(await runs()).toBe(2);
});

test('a disk that stays full ends the pipeline after a bounded number of attempts', async () => {
  const { handle, runs } = await startPipeline(() => `${full}\n`);
  await expect(handle.result()).rejects.toMatchObject({
    cause: { cause: { type: 'InsufficientDisk', nonRetryable: true } },
  });
  expect(await runs()).toBe(2);
});
