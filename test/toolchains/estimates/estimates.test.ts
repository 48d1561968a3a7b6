import { describe, expect, test } from 'vitest';
import type { SpecInput } from '../../../src/contracts/spec.js';
import { GIGABYTE, gigabytes } from '../../../src/toolchains/estimates/gigabytes.js';
import {
  bytesToCalibrate,
  concurrencyOn,
  estimateServing,
  type Sized,
  tokensOfStep,
} from '../../../src/toolchains/estimates/gpu-memory.js';
import { countParameters } from '../../../src/toolchains/estimates/parameters.js';
import { estimateSteps, totalDisk } from '../../../src/toolchains/estimates/steps.js';
import { checkpointBytes, engineBytesOfRank, kvBytesPerToken } from '../../../src/toolchains/estimates/weights.js';
import { parseModelConfig } from '../../../src/toolchains/model-config.js';
import { llama2With13b, mixtral8x7b, qwen2With7b, qwen2With72b, smol135 } from '../../support/model-configs.js';
import { testSpec } from '../../support/specs.js';

const sized = (config: object): Sized => {
  const { architectures, shape } = parseModelConfig(JSON.stringify(config), 'owner/name');
  if (shape === null) throw new Error('a known model has its sizes');
  return { architectures, shape };
};

const v010 = { release: 'v0.10.0' } as const;
const gpu = (change: (input: SpecInput) => void = () => {}) =>
  testSpec((input) => {
    Object.assign(input, { toolchain: 'trtllm-0.10', gpuClass: 'sm89' });
    change(input);
  });

describe('countParameters', () => {
  test.each<[string, object, number]>([
    ['SmolLM2 135M, tied', smol135, 134.515e6],
    ['Llama 2 13B', llama2With13b, 13.016e9],
    ['Qwen2 7B', qwen2With7b, 7.6156e9],
    ['Qwen2 72B', qwen2With72b, 72.706e9],
    ['Mixtral 8x7B', mixtral8x7b, 46.703e9],
    [
      'Qwen 7B, whose MLP is half as wide as it says',
      {
        ...llama2With13b,
        architectures: ['QWenLMHeadModel'],
        hidden_size: 4096,
        intermediate_size: 22016,
        num_hidden_layers: 32,
        num_attention_heads: 32,
        num_key_value_heads: 32,
        vocab_size: 151936,
      },
      7.7213e9,
    ],
  ])('counts %s as its publisher does', (_, config, published) => {
    expect(countParameters(sized(config)).total / published).toBeCloseTo(1, 3);
  });
});

describe('weights', () => {
  const llama = sized(llama2With13b);
  const bytesOf = (format: string, tensor = 1) =>
    engineBytesOfRank(
      countParameters(llama),
      gpu((input) => {
        Object.assign(input.quantization, { format });
        input.parallelism = { tensor };
      }),
    );

  test('are half as many bytes in fp8, and a quarter in int4, but for embedding and output layer', () => {
    expect(bytesOf('none') / GIGABYTE).toBeCloseTo(26.03, 1);
    expect(bytesOf('fp8') / GIGABYTE).toBeCloseTo(13.34, 1);
    expect(bytesOf('int4_wo') / GIGABYTE).toBeCloseTo(7.0, 1);
    expect(bytesOf('int4_awq')).toBeGreaterThan(bytesOf('int4_wo'));
  });

  test('of a rank are more than its part: the embedding is whole on each', () => {
    expect(bytesOf('none', 4) * 4 - bytesOf('none')).toBeCloseTo(3 * (32000 * 5120 + 81 * 5120) * 2, -6);
  });

  test('stay unquantized in weight-only checkpoints', () => {
    const of = (format: string) =>
      checkpointBytes(
        countParameters(llama),
        gpu((input) => Object.assign(input.quantization, { format })),
      );
    expect(of('int4_wo')).toBe(of('none'));
    expect(of('fp8')).toBeLessThan(of('none') * 0.52);
  });

  test('KV cache of a token: two for each layer, head and element, halved by quantization and by ranks', () => {
    const kv = (config: object, kvCache: string, tensor: number) =>
      kvBytesPerToken(
        sized(config).shape,
        gpu((input) => {
          Object.assign(input.quantization, { kvCache });
          input.parallelism = { tensor };
        }),
      );
    expect(kv(llama2With13b, 'none', 1)).toBe(819_200);
    expect(kv(llama2With13b, 'fp8', 1)).toBe(409_600);
    expect(kv(llama2With13b, 'none', 2)).toBe(409_600);
    // Eight key-value heads on sixteen ranks: one whole head each.
    expect(kv(qwen2With72b, 'none', 16)).toBe(kv(qwen2With72b, 'none', 8));
  });
});

describe('memory', () => {
  const qwen72 = sized(qwen2With72b);

  test('calibration of Qwen2 72B takes the four L20 that its notes ask for, and not three', () => {
    const on = (gpus: number) =>
      bytesToCalibrate(
        qwen72,
        gpu((input) => Object.assign(input.quantization, { gpus })),
      );
    expect(on(4)).toBeLessThan(48 * GIGABYTE);
    expect(on(3)).toBeGreaterThan(48 * GIGABYTE);
  });

  test('calibration takes the logits of a whole batch, and none where no data runs through the model', () => {
    const qwen7 = sized(qwen2With7b);
    const bytesOf = (quantization: object, calibration: object) =>
      bytesToCalibrate(
        qwen7,
        gpu((input) => {
          Object.assign(input.quantization.calibration ?? {}, { maxSequenceTokens: 512, ...calibration });
          Object.assign(input.quantization, { kvCache: 'none', ...quantization });
        }),
      );
    const logits = 512 * 152_064 * 4;
    const one = bytesOf({ format: 'fp8' }, {});
    expect(bytesOf({ format: 'fp8' }, { batchSize: 1 })).toBe(one);
    expect(bytesOf({ format: 'fp8' }, { batchSize: 64 }) - one).toBeCloseTo(63 * logits, -3);
    expect(one - bytesOf({ format: 'int8_wo' }, { batchSize: 64 })).toBeCloseTo(logits, -3);
    expect(bytesOf({ format: 'int8_wo', kvCache: 'int8' }, {})).toBe(one);
  });

  test('a step computes batch × input tokens before v0.11, and 8192 from then on', () => {
    expect(tokensOfStep(gpu(), v010)).toBe(4096);
    expect(tokensOfStep(gpu(), { release: 'v0.11.0' })).toBe(8192);
    expect(
      tokensOfStep(
        gpu((input) => Object.assign(input.build ?? {}, { maxNumTokens: 99 })),
        v010,
      ),
    ).toBe(99);
  });

  test('fewer requests run at once on a smaller GPU, and none where the weights alone are larger', () => {
    const spec = gpu((input) =>
      Object.assign(input, { build: { maxBatchSize: 16, maxInputTokens: 3072, maxOutputTokens: 1024 } }),
    );
    const memory = estimateServing(sized(llama2With13b), spec, v010);
    const on = (gigabyte: number) => concurrencyOn(gigabyte * GIGABYTE, memory, spec);
    expect(on(12)).toBe(0);
    expect(on(48)).toBeGreaterThan(0);
    expect(on(80)).toBeGreaterThan(on(48));
    expect(on(10_000)).toBe(16);
  });

  test('a bounded KV cache bounds the requests that run at once', () => {
    const spec = gpu((input) => Object.assign(input, { serving: { maxTokensInKvCache: 2560 } }));
    expect(concurrencyOn(80 * GIGABYTE, estimateServing(sized(llama2With13b), spec, v010), spec)).toBe(2);
  });
});

describe('steps', () => {
  test('Llama 2 13B in FP8 with its baseline leaves about 105 GB: 600 GB hold five such pipelines', () => {
    const model = sized(llama2With13b);
    const steps = estimateSteps({ candidate: model, baseline: model }, gpu(), v010);
    const of = (name: string) => gigabytes(steps.find(({ step }) => step === name)?.disk ?? 0);
    expect([of('download'), of('checkpoint'), of('engine'), of('baseline-checkpoint'), of('baseline-engine')]).toEqual([
      '26 GB',
      '13 GB',
      '13 GB',
      '26 GB',
      '26 GB',
    ]);
    expect(totalDisk(steps) / GIGABYTE).toBeGreaterThan(100);
    expect(totalDisk(steps) / GIGABYTE).toBeLessThan(110);
    expect(Math.floor(600 / (totalDisk(steps) / GIGABYTE))).toBe(5);
  });

  test('a pipeline without a baseline engine has no steps of one', () => {
    const steps = estimateSteps({ candidate: sized(smol135), baseline: null }, gpu(), v010);
    expect(steps.map(({ step }) => step)).toEqual(['download', 'checkpoint', 'engine', 'evaluation', 'promote']);
  });

  test('export of 70 billion parameters takes more host memory than the 210 GB that NVIDIA saw', () => {
    const model = sized(qwen2With72b);
    const steps = estimateSteps({ candidate: model, baseline: null }, gpu(), v010);
    expect(steps.find(({ step }) => step === 'checkpoint')?.host).toBeGreaterThan(210 * GIGABYTE);
  });
});
