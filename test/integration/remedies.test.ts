import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import type { WorkflowBundleWithSourceMap } from '@temporalio/worker';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { SpecInput } from '../../src/contracts/spec.js';
import { readPipelineHistory } from '../../src/pipeline-history.js';
import { toolPaths } from '../../src/toolchains/releases.js';
import { converter, openHost, writeWeights } from '../activities/tool-host.js';
import { llama2With13b } from '../support/model-configs.js';
import { startPipelineOfRealSteps } from '../support/real-steps.js';
import { testAdmission, testSpec } from '../support/specs.js';
import { startTemporal } from '../support/temporal.js';

/* A pipeline up to its engine, on a real Temporal server, with the real activities and tools that run out of memory. */

let environment: TestWorkflowEnvironment;
let bundle: WorkflowBundleWithSourceMap;

beforeAll(async () => {
  ({ environment, bundle } = await startTemporal());
});

afterAll(() => environment.teardown());

const checkpointConfig = {
  architecture: 'LlamaForCausalLM',
  mapping: { world_size: 2, tp_size: 2, pp_size: 1 },
  quantization: { quant_algo: 'FP8', kv_cache_quant_algo: null },
};
const engineConfig = {
  version: '0.10.0',
  pretrained_config: checkpointConfig,
  build_config: { max_batch_size: 4, max_input_len: 1024, max_output_len: 256 },
};

/** quantize.py and trtllm-build, each out of memory as long as it is asked for more than one of something at once. */
const quantize = converter(`
[[ " $* " == *" --batch_size 1 "* ]] || { echo "torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB"; exit 1; }
echo '${JSON.stringify(checkpointConfig)}' > "$output/config.json"
${writeWeights()}
cp "$output/rank0.safetensors" "$output/rank1.safetensors"`);
const build = `#!/bin/bash
echo run >> "$(dirname "$0")/builds"
[[ " $* " == *" --workers 1 "* ]] || { echo "MemoryError"; exit 1; }
while [[ $1 != --output_dir ]]; do shift; done
echo '${JSON.stringify(engineConfig)}' > "$2/config.json"
for rank in 0 1; do echo engine > "$2/rank$rank.engine"; done
`;

/** A pipeline whose checkpoint and engine are made by these tools; everything else is found. */
async function startPipeline(change: (input: SpecInput) => void) {
  const admitted = testAdmission(
    testSpec((input) => {
      Object.assign(input, { parallelism: { tensor: 2 } });
      Object.assign(input.build ?? {}, { workers: 2 });
      change(input);
    }),
  );
  const devices = [0, 1].map((index) => ({ index, class: 'cpu', memoryBytes: 1 }));
  const host = await openHost(quantize, { admitted, ofModel: llama2With13b, describe: async () => ({ devices }) });
  const script = toolPaths.quantize.replace('{toolchain}', host.root);
  await mkdir(dirname(script), { recursive: true });
  await writeFile(script, '');
  await writeFile(join(host.root, 'bin/trtllm-build'), build);
  await chmod(join(host.root, 'bin/trtllm-build'), 0o755);
  const { dependencies, model: found } = host;
  const real = ['checkpoint', 'engine'] as const;
  const pipeline = await startPipelineOfRealSteps({ environment, bundle, dependencies, real, found, admitted });
  const builds = async () => (await readFile(join(host.root, 'bin/builds'), 'utf8')).split('\n').length - 1;
  return { ...pipeline, runs: host.runs, builds, leases: dependencies.leases };
}

test('steps that run out of memory are tried again with what the spec allows, and say so wherever one looks', async () => {
  const { handle, progress, result, scheduled, runs, builds, leases } = await startPipeline((input) => {
    Object.assign(input.quantization.calibration ?? {}, { batchSize: 4 });
    Object.assign(input, { onFailure: { smallerCalibrationBatch: true, fewerBuildWorkers: true } });
  });
  const { verdict, steps } = await result();
  expect(verdict).toBe('REJECTED');
  const ofCalibration = { name: 'smallerCalibrationBatch', kind: 'semantic', after: 'GpuOutOfMemory' };
  const expected = {
    checkpoint: [
      { ...ofCalibration, change: '--batch_size 4 → 2' },
      { ...ofCalibration, change: '--batch_size 2 → 1' },
    ],
    engine: [{ name: 'fewerBuildWorkers', kind: 'execution', after: 'HostOutOfMemory', change: '--workers 2 → 1' }],
  };
  const remedied = (of: { name: string; remedies?: unknown }[]) =>
    Object.fromEntries(of.flatMap(({ name, remedies }) => (remedies === undefined ? [] : [[name, remedies]])));
  expect(remedied(steps)).toEqual(expected);
  expect(remedied((await progress()).steps)).toEqual(expected);
  // As `why` reads them.
  const { remedies } = await readPipelineHistory(environment.client, handle.workflowId);
  expect([...remedies]).toEqual(Object.entries(expected).map(([step, of]) => [step, of.map(({ name }) => name)]));
  // Nothing was tried blindly: one run for each batch size, and one for each number of workers.
  expect(await runs()).toBe(3);
  expect(await builds()).toBe(2);
  const activities = await scheduled();
  expect(activities.filter((name) => name === 'quantize')).toHaveLength(3);
  expect(activities.filter((name) => name === 'build')).toHaveLength(2);
  expect(await leases.list()).toEqual([]);
});

test('a step that runs out of memory ends its pipeline where the spec allows nothing', async () => {
  const { handle, runs } = await startPipeline(() => {});
  await expect(handle.result()).rejects.toMatchObject({
    cause: { cause: { type: 'GpuOutOfMemory', details: [{ signature: 'gpu-out-of-memory', failures: 1 }] } },
  });
  expect(await runs()).toBe(1);
});

test('remedies end: a step that still fails without anything left to change ends its pipeline', async () => {
  const { handle, runs } = await startPipeline((input) => {
    Object.assign(input.quantization.calibration ?? {}, { maxSequenceTokens: 300 });
    Object.assign(input, { onFailure: { smallerCalibrationBatch: true, shorterCalibrationSamples: true } });
  });
  await expect(handle.result()).rejects.toMatchObject({ cause: { cause: { type: 'GpuOutOfMemory' } } });
  // 300, 150, 128: its samples are as short as they get.
  expect(await runs()).toBe(3);
});
