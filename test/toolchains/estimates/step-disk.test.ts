import { expect, test } from 'vitest';
import { stepDiskBytes } from '../../../src/toolchains/estimates/step-disk.js';
import { estimateSteps } from '../../../src/toolchains/estimates/steps.js';
import { parseModelConfig } from '../../../src/toolchains/model-config.js';
import { llama2With13b } from '../../support/model-configs.js';
import { testSpec } from '../../support/specs.js';

const model = parseModelConfig(JSON.stringify(llama2With13b), 'the model');
const spec = testSpec((input) => {
  input.toolchain = 'trtllm-0.10';
  input.gpuClass = 'sm89';
});

test('a checkpoint is estimated as the plan estimates it, for each side', () => {
  const { architectures, shape } = model;
  if (shape === null) throw new Error('the configuration has no sizes');
  const sized = { architectures, shape };
  const planned = estimateSteps({ candidate: sized, baseline: sized }, spec, { release: 'v0.10.0' });
  const facts = { inputs: { model: 26e9 }, model };
  const of = (step: string) => planned.find((each) => each.step === step)?.disk;
  expect(stepDiskBytes({ id: 'checkpoint', activity: 'quantize' }, spec, facts)).toBe(of('checkpoint'));
  expect(stepDiskBytes({ id: 'baseline-checkpoint', activity: 'convert' }, spec, facts)).toBe(
    of('baseline-checkpoint'),
  );
  expect(of('baseline-checkpoint')).toBeGreaterThan(1.8 * (of('checkpoint') ?? 0));
});

test('a checkpoint of a model that does not say its sizes is as large as the model', () => {
  const facts = { inputs: { model: 26e9 }, model: null };
  expect(stepDiskBytes({ id: 'checkpoint', activity: 'convert' }, spec, facts)).toBe(26e9);
});

test('an engine is as large as its checkpoint, and twice that with the reference', () => {
  const facts = { inputs: { checkpoint: 13e9 }, model: null };
  expect(stepDiskBytes({ id: 'engine', activity: 'build' }, spec, facts)).toBe(13e9);
  expect(stepDiskBytes({ id: 'engine', activity: 'build' }, testSpec(), facts)).toBe(26e9);
});

test('an evaluation takes some megabytes', () => {
  const facts = { inputs: { engine: 13e9 }, model: null };
  expect(stepDiskBytes({ id: 'evaluation-1', activity: 'evaluate' }, spec, facts)).toBeLessThan(1e9);
});
