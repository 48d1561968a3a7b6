import { describe, expect, test } from 'vitest';
import type { AdmittedSpec } from '../../src/contracts/admitted-spec.js';
import type { SpecInput } from '../../src/contracts/spec.js';
import { stepKey } from '../../src/toolchains/step-key.js';
import type { StepPlan } from '../../src/toolchains/step-plan.js';
import { planSteps, stepVersions } from '../../src/toolchains/step-plans.js';
import { testAdmission, testSpec } from '../support/specs.js';

/** Keys of all steps, each input standing for the key of the step that makes it: a change shows wherever it reaches. */
function keysOf(admitted: AdmittedSpec): Record<string, string> {
  const keys: Record<string, string> = {};
  for (const plan of planSteps(admitted)) {
    const inputs = Object.fromEntries(
      Object.entries(plan.inputs).map(([role, input]) => [
        role,
        typeof input === 'string' ? (keys[input] ?? '') : (input?.pinned ?? ''),
      ]),
    );
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

  test.each<SpecInput['serving']>([
    { kvCacheReuse: true },
    { chunkedContext: true },
    { maxTokensInKvCache: 4096 },
    { maxAttentionWindowTokens: 512 },
    { schedulerPolicy: 'max_utilization' },
  ])('of the serving parameters alone depends on %j', (serving) => {
    expect(changedBy((input) => Object.assign(input, { serving }))).toEqual(['serving-parameters']);
  });

  test('of the serving parameters names nothing that is at its default, as it was before that could be asked', () => {
    const parametersOf = (toolchain: string) =>
      planSteps(testAdmission(testSpec((input) => Object.assign(input, { toolchain })))).find(
        ({ id }) => id === 'serving-parameters',
      )?.parameters;
    const before = {
      template: 'llama_ifb',
      tritonBackend: 'tensorrtllm',
      instances: 1,
      maxQueueDelayMicroseconds: 600,
      kvCacheFreeGpuMemoryFraction: 0.5,
      accumulateTokens: true,
    };
    expect(parametersOf('trtllm-0.10')).toEqual(before);
    expect(parametersOf('trtllm-0.12')).toEqual({ ...before, release: 'v0.12.0' });
  });

  test('of the gate alone depends on the margin', () => {
    expect(changedBy((input) => Object.assign(input.gate, { margin: { points: 2 } }))).toEqual(['gate-1']);
  });

  test('of the candidate alone depends on its format', () => {
    expect(changedBy((input) => Object.assign(input.quantization, { format: 'int4_wo' }))).toEqual([
      'checkpoint',
      'engine',
      'evaluation-1',
      'agreement-1',
      'gate-1',
      'serving-parameters',
    ]);
  });

  test('of the shards that both budgets look at does not depend on the budget', () => {
    const changed = changedBy((input) => Object.assign(input.gate, { articles: 64 }));
    // What another budget spends of the error at its first look is another decision.
    expect(changed).toEqual(['gate-1']);
  });

  test('of everything that is built depends on a limit of the engine', () => {
    expect(changedBy((input) => Object.assign(input.build ?? {}, { maxBatchSize: 8 }))).toEqual([
      'engine',
      'baseline-engine',
      'evaluation-1',
      'baseline-evaluation-1',
      'agreement-1',
      'gate-1',
      'serving-parameters',
    ]);
  });

  test('of everything that a toolchain makes depends on the toolchain', () => {
    const admitted = testAdmission();
    const other = { ...admitted, toolchain: { ...admitted.toolchain, identity: 'b'.repeat(64) } };
    const [before, after] = [keysOf(admitted), keysOf(other)];
    expect(Object.keys(before).filter((step) => before[step] === after[step])).toEqual(['model', 'dataset', 'shard-1']);
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
    expect(keys['evaluation-1']).toBe(keys['baseline-evaluation-1']);
  });

  // Whoever changes what a step writes raises its version here and there: old artifacts must not hit.
  test('holds the version of its output contract', () => {
    expect(stepVersions).toEqual({
      download: 1,
      quantize: 1,
      convert: 1,
      build: 1,
      sliceDataset: 1,
      evaluate: 2,
      compareEngines: 1,
      gate: 2,
      describeServing: 2,
    });
  });
});

test('weights of GPTQ are converted on a GPU, for its architecture, and judged by another repository', () => {
  const spec = testSpec((input) => {
    Object.assign(input, { toolchain: 'trtllm-0.12', gpuClass: 'sm89' });
    input.quantization = { format: 'int4_gptq' };
    input.gate.baseline = { repository: 'owner/unquantized' };
  });
  const steps = planSteps(testAdmission(spec));
  const checkpoint = steps.find(({ id }) => id === 'checkpoint');
  expect(checkpoint).toMatchObject({ activity: 'quantize', queue: 'enginesmith-gpu-sm89-x1', architectureBound: true });
  expect(checkpoint?.parameters).toMatchObject({ '--weight_only_precision': 'int4_gptq', '--group_size': '128' });
  expect(steps.find(({ id }) => id === 'baseline-model')?.parameters).toMatchObject({
    repository: 'owner/unquantized',
  });
});

describe('a candidate that starts', () => {
  const planFrom = (kind: 'checkpoint' | 'engine') => {
    const spec = testSpec((input) => Object.assign(input, { start: { [kind]: 'c'.repeat(64) } }));
    return planSteps({ ...testAdmission(spec), start: { kind, digest: 'c'.repeat(64), bytes: 1 } });
  };
  const inputsOf = (steps: StepPlan[], step: string) => steps.find(({ id }) => id === step)?.inputs;
  const pinned = { pinned: 'c'.repeat(64) };

  test('from a checkpoint is built from it, and not quantized', () => {
    const steps = planFrom('checkpoint');
    expect(steps.map(({ id }) => id)).not.toContain('checkpoint');
    expect(inputsOf(steps, 'engine')).toEqual({ checkpoint: pinned });
    expect(inputsOf(steps, 'baseline-engine')).toEqual({ checkpoint: 'baseline-checkpoint' });
  });

  test('from an engine is evaluated, compared and served as it is', () => {
    const steps = planFrom('engine');
    const ids = steps.map(({ id }) => id);
    expect(ids).not.toContain('engine');
    expect(ids).toContain('baseline-engine');
    expect(inputsOf(steps, 'evaluation-1')).toMatchObject({ engine: pinned });
    expect(inputsOf(steps, 'agreement-1')).toMatchObject({ engine: pinned, baselineEngine: 'baseline-engine' });
    expect(inputsOf(steps, 'serving-parameters')).toMatchObject({ engine: pinned });
  });

  test('from both is refused', () => {
    const start = { checkpoint: 'c'.repeat(64), engine: 'c'.repeat(64) };
    expect(() => testSpec((input) => Object.assign(input, { start }))).toThrow('must have either checkpoint or engine');
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
      'gate-1': 'enginesmith-cpu',
    });
  });

  const stepsOf = (change: (input: SpecInput) => void): string[] =>
    planSteps(testAdmission(testSpec(change))).map(({ id }) => id);

  test('looks at 16, 32 and 64 articles, each look adding a shard', () => {
    const { looks } = testAdmission(testSpec(({ gate }) => Object.assign(gate, { articles: 64 })));
    expect(looks).toEqual([
      { number: 1, articles: 16, shards: [{ index: 1, from: 0, count: 16 }] },
      { number: 2, articles: 32, shards: [{ index: 2, from: 16, count: 16 }] },
      { number: 3, articles: 64, shards: [{ index: 3, from: 32, count: 32 }] },
    ]);
  });

  test.each([
    [8, [8]],
    [16, [16]],
    [20, [16, 20]],
    [128, [16, 32, 64, 128]],
  ])('with a budget of %d articles looks at %j', (articles, expected) => {
    const { looks } = testAdmission(testSpec(({ gate }) => Object.assign(gate, { articles })));
    expect(looks.map((look) => look.articles)).toEqual(expected);
  });

  test('asks prompts in shards that fit the engine’s batch', () => {
    const { looks } = testAdmission(
      testSpec(({ gate }) => Object.assign(gate, { articles: 18, dataset: { repository: 'a/b', kind: 'prompts' } })),
    );
    expect(looks.flatMap(({ shards }) => shards.map(({ from, count }) => [from, count]))).toEqual([
      [0, 4],
      [4, 4],
      [8, 4],
      [12, 4],
      [16, 2],
    ]);
  });

  test('asks no more prompts at once than fit a command line, however large the batch', () => {
    const { looks } = testAdmission(
      testSpec(({ build, gate }) => {
        Object.assign(build ?? {}, { maxBatchSize: 4096 });
        Object.assign(gate, { articles: 256, dataset: { repository: 'a/b', kind: 'prompts' } });
      }),
    );
    expect(looks.flatMap(({ shards }) => shards.map(({ count }) => count))).toEqual([16, 16, 32, 64, 64, 64]);
  });

  test('builds no baseline engine where the baseline is the Hugging Face model', () => {
    const steps = stepsOf(({ gate }) => Object.assign(gate, { baseline: { source: 'huggingface' } }));
    expect(steps).toContain('baseline-evaluation-1');
    expect(steps.filter((step) => step.startsWith('baseline-'))).toEqual(['baseline-evaluation-1']);
  });

  test('gives the Hugging Face model the engine that is judged, where its summarize.py reads one', () => {
    const inputsOn = (toolchain: string, start: AdmittedSpec['start'] = undefined) => {
      const spec = testSpec((input) => {
        Object.assign(input, { toolchain, gpuClass: toolchain === 'reference-cpu' ? 'cpu' : 'sm90' });
        input.gate.baseline = { source: 'huggingface' };
      });
      const admitted = { ...testAdmission(spec), ...(start === undefined ? {} : { start }) };
      return planSteps(admitted).find(({ id }) => id === 'baseline-evaluation-1')?.inputs;
    };
    const model = { model: 'model', evaluationDataset: 'shard-1' };
    expect(inputsOn('reference-cpu')).toEqual(model);
    for (const toolchain of ['trtllm-0.10', 'trtllm-0.11', 'trtllm-0.12', 'trtllm-0.13']) {
      expect(inputsOn(toolchain), toolchain).toEqual({ ...model, engine: 'engine' });
    }
    const digest = 'e'.repeat(64);
    expect(inputsOn('trtllm-0.13', { kind: 'engine', digest, bytes: 1 })).toEqual({
      ...model,
      engine: { pinned: digest },
    });
  });

  test('leases what each step needs: by calibration, by builders, by ranks, and for both engines by the larger', () => {
    const gpus = (change: (input: SpecInput) => void = () => {}) => {
      const spec = testSpec((input) => {
        Object.assign(input.quantization, { gpus: 2 });
        input.parallelism = { tensor: 3, pipeline: 2 };
        input.build = { ...input.build, workers: 4 };
        input.gate.baseline = { parallelism: { tensor: 1 } };
        change(input);
      });
      return Object.fromEntries(planSteps(testAdmission(spec)).map((plan) => [plan.id, plan.gpus]));
    };
    const ranks = { checkpoint: 2, engine: 4, 'evaluation-1': 6, 'agreement-1': 6 };
    expect(gpus()).toMatchObject({
      ...ranks,
      'baseline-checkpoint': 0,
      'baseline-engine': 1,
      'baseline-evaluation-1': 1,
    });
    const huggingface = gpus(({ gate }) => Object.assign(gate, { baseline: { source: 'huggingface' } }));
    expect(huggingface).toMatchObject({ ...ranks, 'baseline-evaluation-1': 2 });
    const larger = gpus(({ quantization, gate }) => {
      Object.assign(quantization, { gpus: 8 });
      Object.assign(gate, { baseline: { source: 'huggingface' } });
    });
    expect(larger).toMatchObject({ 'evaluation-1': 6, 'baseline-evaluation-1': 8, 'agreement-1': 8 });
  });

  test('gives the baseline a parallelism of its own', () => {
    const plans = planSteps(
      testAdmission(testSpec(({ gate }) => Object.assign(gate, { baseline: { parallelism: { tensor: 4 } } }))),
    );
    const plan = (id: string) => plans.find((each) => each.id === id);
    expect(plan('evaluation-1')).toMatchObject({ gpus: 1, queue: 'enginesmith-gpu-cpu-x1' });
    expect(plan('baseline-evaluation-1')).toMatchObject({ gpus: 4, queue: 'enginesmith-gpu-cpu-x4' });
    // One launch loads both engines.
    expect(plan('agreement-1')).toMatchObject({ gpus: 4, queue: 'enginesmith-gpu-cpu-x4' });
    expect(plan('baseline-checkpoint')?.parameters).toMatchObject({ '--tp_size': '4' });
    expect(plan('checkpoint')?.parameters).toMatchObject({ '--tp_size': '1' });
  });
});
