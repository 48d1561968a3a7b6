import { describe, expect, test } from 'vitest';
import type { AdmittedSpec } from '../../src/contracts/admitted-spec.js';
import type { SpecInput } from '../../src/contracts/spec.js';
import { stepKey } from '../../src/toolchains/step-key.js';
import { planSteps, stepVersions } from '../../src/toolchains/step-plans.js';
import { testAdmission, testSpec } from '../support/specs.js';

/** Keys of all steps, each input standing for the key of the step that makes it: a change shows wherever it reaches. */
function keysOf(admitted: AdmittedSpec): Record<string, string> {
  const keys: Record<string, string> = {};
  for (const plan of planSteps(admitted)) {
    const inputs = Object.fromEntries(Object.entries(plan.inputs).map(([role, step]) => [role, keys[step] ?? '']));
    keys[plan.id] = stepKey(plan, inputs, admitted);
  }
  return keys;
}

const changedBy = (change: (input: SpecInput) => void): string[] => {
  const before = keysOf(testAdmission());
  const after = keysOf(testAdmission(testSpec(change)));
  return Object.keys(before).filter((step) => before[step] !== after[step]);
};

describe('the key of a step', () => {
  test.each<[string, (input: SpecInput) => void]>([
    ['the number of build workers', (input) => Object.assign(input.build ?? {}, { workers: 2 })],
    ["the spec's name", (input) => Object.assign(input, { name: 'other' })],
    ['the smoke test', (input) => Object.assign(input, { smoke: { prompt: 'Hello', maxTokens: 8 } })],
    ['the GPUs that calibrate', (input) => Object.assign(input.quantization, { gpus: 2 })],
    ['the block size of a format without blocks', (input) => Object.assign(input.quantization, { awqBlockSize: 64 })],
  ])('does not depend on %s', (_, change) => {
    expect(changedBy(change)).toEqual([]);
  });

  test('of the serving parameters alone depends on serving', () => {
    expect(changedBy((input) => Object.assign(input, { serving: { instances: 2 } }))).toEqual(['serving-parameters']);
  });

  test('of the gate alone depends on the margin', () => {
    expect(changedBy((input) => Object.assign(input.gate, { margin: { points: 2 } }))).toEqual(['gate']);
  });

  test('of the candidate alone depends on its format', () => {
    expect(changedBy((input) => Object.assign(input.quantization, { format: 'int4_wo' }))).toEqual([
      'checkpoint',
      'engine',
      'evaluation',
      'gate',
      'serving-parameters',
    ]);
  });

  test('of everything that is built depends on a limit of the engine', () => {
    expect(changedBy((input) => Object.assign(input.build ?? {}, { maxBatchSize: 8 }))).toEqual([
      'engine',
      'evaluation',
      'baseline-engine',
      'baseline-evaluation',
      'gate',
      'serving-parameters',
    ]);
  });

  test('of everything that a toolchain makes depends on the toolchain', () => {
    const admitted = testAdmission();
    const other = { ...admitted, toolchain: { ...admitted.toolchain, identity: 'b'.repeat(64) } };
    const [before, after] = [keysOf(admitted), keysOf(other)];
    expect(Object.keys(before).filter((step) => before[step] === after[step])).toEqual(['model', 'dataset']);
  });

  test('of an engine depends on the GPU class, that of its checkpoint does not', () => {
    const admitted = testAdmission();
    const other = { ...admitted, spec: { ...admitted.spec, gpuClass: 'sm90' } };
    const [before, after] = [keysOf(admitted), keysOf(other)];
    expect(before.checkpoint).toBe(after.checkpoint);
    expect(before.engine).not.toBe(after.engine);
  });

  test('of a candidate without quantization is that of its baseline', () => {
    const keys = keysOf(testAdmission(testSpec((input) => Object.assign(input, { quantization: { format: 'none' } }))));
    expect(keys.engine).toBe(keys['baseline-engine']);
    expect(keys.evaluation).toBe(keys['baseline-evaluation']);
  });

  // Whoever changes what a step writes raises its version here and there: old artifacts must not hit.
  test('holds the version of its output contract', () => {
    expect(stepVersions).toEqual({
      download: 1,
      quantize: 1,
      convert: 1,
      build: 1,
      evaluate: 1,
      gate: 1,
      describeServing: 1,
    });
  });
});

describe('the plan', () => {
  test('fetches a baseline of its own only for another revision', () => {
    const own = planSteps(
      testAdmission(testSpec((input) => Object.assign(input.gate, { baseline: { revision: 'v1' } }))),
    );
    expect(own.map(({ id }) => id)).toContain('baseline-model');
    expect(planSteps(testAdmission()).map(({ id }) => id)).not.toContain('baseline-model');
  });

  test('sends every step to a queue that fits its GPUs', () => {
    const queues = Object.fromEntries(planSteps(testAdmission()).map(({ id, queue }) => [id, queue]));
    expect(queues).toMatchObject({
      model: 'enginesmith-cpu',
      checkpoint: 'enginesmith-gpu-cpu-x1',
      'baseline-checkpoint': 'enginesmith-cpu',
      engine: 'enginesmith-gpu-cpu-x1',
      gate: 'enginesmith-cpu',
    });
  });
});
