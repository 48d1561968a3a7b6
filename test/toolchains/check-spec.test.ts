import { describe, expect, test } from 'vitest';
import type { SpecInput } from '../../src/contracts/spec.js';
import { checkSpec } from '../../src/toolchains/check-spec.js';
import { testSpec } from '../support/specs.js';

const digest = (digit: string): string => digit.repeat(64);

describe('checkSpec', () => {
  test('accepts what the toolchain can do', () => {
    expect(checkSpec(testSpec())).toMatchObject({ name: 'reference-cpu' });
    const ranks = testSpec((input) => {
      Object.assign(input.quantization, { format: 'int8_sq', kvCache: 'int8', gpus: 3 });
      input.parallelism = { tensor: 3, pipeline: 5 };
      input.gate.baseline = { parallelism: { pipeline: 2 } };
    });
    expect(checkSpec(ranks)).toMatchObject({ name: 'reference-cpu' });
  });

  test.each<[string, (input: SpecInput) => void, string]>([
    [
      'a toolchain that is not known',
      (input) => Object.assign(input, { toolchain: 'vllm' }),
      'known are reference-cpu, trtllm-0.9',
    ],
    ['a GPU class that the toolchain has not', (input) => Object.assign(input, { gpuClass: 'sm90' }), 'gpuClass'],
    [
      'a format that the toolchain has not',
      (input) => Object.assign(input.quantization, { format: 'w4a8_awq' }),
      'none, fp8, int4_awq, int4_wo, int8_sq, int8_wo',
    ],
    [
      'calibration without data',
      (input) => Object.assign(input.quantization, { calibration: undefined }),
      'calibration',
    ],
    [
      'a quantized cache without data to calibrate it',
      (input) => Object.assign(input.quantization, { format: 'int4_wo', kvCache: 'int8', calibration: undefined }),
      'quantization.calibration: is required by format int4_wo with KV cache int8',
    ],
    [
      'more ranks than the toolchain runs',
      (input) => Object.assign(input, { parallelism: { tensor: 3, pipeline: 6 } }),
      'parallelism: tensor × pipeline is 18; toolchain reference-cpu runs at most 16',
    ],
    [
      'articles that are longer than the engine takes',
      (input) => Object.assign(input.gate, { maxInputTokens: 2048 }),
      'build.maxInputTokens 1024',
    ],
    [
      'a smoke test that is longer than the engine gives',
      (input) => Object.assign(input, { smoke: { maxTokens: 512 } }),
      '256',
    ],
    [
      'more GPUs for calibration than hosts have',
      (input) => Object.assign(input.quantization, { gpus: 17 }),
      'quantization.gpus: 17 is more than',
    ],
    [
      'a first token after the last',
      (input) => Object.assign(input, { smoke: { firstTokenWithinSeconds: 200 } }),
      'smoke.finishWithinSeconds 120',
    ],
    [
      'prompts for the Hugging Face model',
      (input) =>
        Object.assign(input.gate, {
          baseline: { source: 'huggingface' },
          dataset: { repository: 'a/b', kind: 'prompts' },
        }),
      'gate.baseline.source: huggingface summarizes articles only',
    ],
    [
      'more runs over prompts than a history holds',
      (input) => {
        Object.assign(input, { build: { ...input.build, maxBatchSize: 4 } });
        Object.assign(input.gate, { articles: 1000, dataset: { repository: 'a/b', kind: 'prompts' } });
      },
      'ask 256 prompts at most, or build for larger batches',
    ],
    [
      'pinned evaluations without their source',
      (input) => Object.assign(input.gate, { baseline: { evaluations: [digest('a')] } }),
      'gate.baseline.evaluations: belongs to gate.baseline.source evaluations, not to engine',
    ],
    [
      'the source evaluations without any',
      (input) => Object.assign(input.gate, { baseline: { source: 'evaluations' } }),
      'gate.baseline.evaluations: is required',
    ],
    [
      'fewer pinned evaluations than shards',
      (input) =>
        Object.assign(input.gate, { articles: 64, baseline: { source: 'evaluations', evaluations: [digest('a')] } }),
      'has 1 digests; 64 articles are looked at in 3 shards (16 + 16 + 32)',
    ],
    [
      'an evaluation that is pinned twice',
      (input) =>
        Object.assign(input.gate, {
          articles: 32,
          baseline: { source: 'evaluations', evaluations: [digest('a'), digest('a')] },
        }),
      'names an evaluation twice',
    ],
    [
      'a revision beside pinned evaluations',
      (input) =>
        Object.assign(input.gate, {
          baseline: { source: 'evaluations', evaluations: [digest('a')], revision: 'main' },
        }),
      'gate.baseline.revision: belongs to',
    ],
    [
      'a parallelism for a baseline without an engine',
      (input) => Object.assign(input.gate, { baseline: { source: 'huggingface', parallelism: { tensor: 1 } } }),
      'gate.baseline.parallelism: belongs to gate.baseline.source engine, not to huggingface',
    ],
    [
      'more ranks for the baseline than the toolchain runs',
      (input) => Object.assign(input.gate, { baseline: { parallelism: { tensor: 17 } } }),
      'gate.baseline.parallelism: tensor × pipeline is 17',
    ],
    [
      'a limit on what is compared with an engine, where there is none',
      (input) =>
        Object.assign(input.gate, {
          baseline: { source: 'evaluations', evaluations: [digest('a')] },
          limits: { klDivergence: 0.1 },
        }),
      'gate.limits.klDivergence: compares with an engine',
    ],
    [
      'limits that the toolchain cannot give',
      (input) => {
        Object.assign(input, { toolchain: 'trtllm-0.10', gpuClass: 'sm90' });
        Object.assign(input.gate, { limits: { perplexityIncrease: 0.1, top1Agreement: 0.9 } });
      },
      'gate.limits.perplexityIncrease: toolchain trtllm-0.10 cannot compare engines',
    ],
  ])('refuses %s and says what is legal', (_, change, said) => {
    expect(() => checkSpec(testSpec(change))).toThrow(
      expect.objectContaining({ type: 'InvalidSpec', message: expect.stringContaining(said) }),
    );
  });

  test('accepts pinned evaluations, one a shard', () => {
    const spec = testSpec((input) => {
      input.gate.articles = 32;
      input.gate.baseline = { source: 'evaluations', evaluations: [digest('a'), digest('b')] };
    });
    expect(checkSpec(spec).name).toBe('reference-cpu');
  });

  test('names every field that is wrong at once', () => {
    const spec = testSpec((input) => {
      Object.assign(input.quantization, { format: 'w4a8_awq', gpus: 17 });
    });
    expect(() => checkSpec(spec)).toThrow(/quantization\.format[\s\S]*quantization\.gpus/);
  });
});
