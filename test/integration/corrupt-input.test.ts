import { appendFile, chmod, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ApplicationFailure } from '@temporalio/common';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import type { WorkflowBundleWithSourceMap } from '@temporalio/worker';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AdmittedSpec } from '../../src/contracts/admitted-spec.js';
import { converter, openHost, writeWeights } from '../activities/tool-host.js';
import { smoke as smokeReport } from '../support/deployments.js';
import { startPipelineOfRealSteps } from '../support/real-steps.js';
import { testAdmission, testSpec } from '../support/specs.js';
import { startTemporal } from '../support/temporal.js';

/* A checkpoint that is damaged after it was made and before the build reads it, on a real server with the real store. */

let environment: TestWorkflowEnvironment;
let bundle: WorkflowBundleWithSourceMap;

beforeAll(async () => {
  ({ environment, bundle } = await startTemporal());
});

afterAll(() => environment.teardown());

const checkpointConfig = {
  architecture: 'LlamaForCausalLM',
  mapping: { world_size: 1, tp_size: 1, pp_size: 1 },
  quantization: { quant_algo: null },
};
const engineConfig = {
  version: '0.10.0',
  pretrained_config: checkpointConfig,
  build_config: { max_batch_size: 4, max_input_len: 1024, max_output_len: 256 },
};

const build = `#!/bin/bash
echo run >> "$(dirname "$0")/builds"
while [[ $1 != --output_dir ]]; do shift; done
echo '${JSON.stringify(engineConfig)}' > "$2/config.json"
echo engine > "$2/rank0.engine"
`;

const admitted: AdmittedSpec = testAdmission(
  testSpec((input) => {
    Object.assign(input, { quantization: { format: 'none' } });
  }),
);

/** @param extra what the converter does beside its work */
async function openConverter(extra = '') {
  const config = JSON.stringify(checkpointConfig);
  const host = await openHost(converter(`echo '${config}' > "$output/config.json"\n${writeWeights()}\n${extra}`), {
    admitted,
  });
  await writeFile(join(host.root, 'bin/trtllm-build'), build);
  await chmod(join(host.root, 'bin/trtllm-build'), 0o755);
  return host;
}

/** Makes a checkpoint as an earlier run would have, and damages it in the store. */
async function damagedCheckpoint({ dependencies, convert }: Awaited<ReturnType<typeof openHost>>): Promise<string> {
  const { artifact } = await convert();
  const directory = join(dependencies.places.store, 'artifacts', artifact.digest.slice(0, 2), artifact.digest, 'files');
  const [file = ''] = (await readdir(directory)).filter((name) => name.endsWith('.safetensors'));
  await chmod(join(directory, file), 0o644);
  await appendFile(join(directory, file), 'x');
  return artifact.digest;
}

const startPipeline = (host: Awaited<ReturnType<typeof openHost>>) =>
  startPipelineOfRealSteps({
    environment,
    bundle,
    dependencies: host.dependencies,
    real: ['checkpoint', 'engine', 'baseline-checkpoint', 'baseline-engine'],
    found: host.model,
    admitted,
  });

test('an input that is corrupt is made again, once, and the steps that need it go on', async () => {
  const host = await openConverter();
  const digest = await damagedCheckpoint(host);
  const { result, scheduled } = await startPipeline(host);
  const { steps } = await result();
  // Candidate and baseline share the checkpoint, so both builds may have found it broken.
  const remade = steps.flatMap(({ name, remedies = [] }) => remedies.map((remedy) => ({ step: name, ...remedy })));
  expect(remade).toEqual([
    expect.objectContaining({ step: expect.stringMatching(/checkpoint$/), name: 'remade', after: 'ArtifactCorrupt' }),
  ]);
  expect(steps.find(({ name }) => name === 'checkpoint')?.digest).toBe(digest);
  expect(new Set(steps.map(({ name }) => name)).size).toBe(steps.length);
  // The one of the earlier run, and one in its place.
  expect(await host.runs()).toBe(2);
  expect((await scheduled()).filter((name) => name === 'build').length).toBeGreaterThanOrEqual(2);
});

test('an input that comes out otherwise takes the place of the corrupt one where nobody has used that', async () => {
  const host = await openConverter('date +%N > "$output/extra.json"');
  const digest = await damagedCheckpoint(host);
  const { result } = await startPipeline(host);
  const { verdict, steps } = await result();
  expect(verdict).toBe('REJECTED');
  const checkpoints = steps.filter(({ name }) => name.endsWith('checkpoint'));
  expect(checkpoints.some((step) => step.digest !== digest)).toBe(true);
  expect(await host.runs()).toBe(2);
});

test('an engine that is corrupt when it is to serve is made again, and promoted anew', async () => {
  const host = await openConverter();
  const promotions: string[] = [];
  const { result } = await startPipelineOfRealSteps({
    environment,
    bundle,
    dependencies: host.dependencies,
    real: [],
    found: host.model,
    admitted,
    verdict: 'PASS',
    promote: async ({ name, promotion, revision }) => {
      promotions.push(promotion);
      // A deployment answers the same promotion as it did before, whatever has changed meanwhile.
      if (promotion === promotions[0]) {
        const details = [{ digest: revision.engine.digest }];
        throw ApplicationFailure.create({ type: 'ArtifactCorrupt', message: 'x', nonRetryable: true, details });
      }
      const url = '127.0.0.1:1';
      const endpoint = {
        name,
        revision: 1,
        grpcUrl: url,
        httpUrl: `http://${url}`,
        metricsUrl: `http://${url}/metrics`,
      };
      return { endpoint, smoke: smokeReport, downtimeMs: 0 };
    },
  });
  expect(await result()).toMatchObject({ verdict: 'DEPLOYED' });
  expect(promotions).toHaveLength(2);
});
