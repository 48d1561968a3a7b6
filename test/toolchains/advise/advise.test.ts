import { describe, expect, test } from 'vitest';
import { parseSpec } from '../../../src/contracts/parse-spec.js';
import { advise } from '../../../src/toolchains/advise/advise.js';
import {
  batchRules,
  formatRules,
  kvCacheRules,
  parallelismRules,
} from '../../../src/toolchains/advise/choice-rules.js';
import { findGpu } from '../../../src/toolchains/advise/find-gpu.js';
import { type AdviceRequest, priorities } from '../../../src/toolchains/advise/request.js';
import { checkModel } from '../../../src/toolchains/check-model.js';
import { checkSpec } from '../../../src/toolchains/check-spec.js';
import { GIGABYTE } from '../../../src/toolchains/estimates/gigabytes.js';
import { parseModelConfig } from '../../../src/toolchains/model-config.js';
import { llama2With13b, mixtral8x7b, qwen2With7b, qwen2With72b, smol135 } from '../../support/model-configs.js';

const models = { smol135, llama2With13b, mixtral8x7b, qwen2With7b, qwen2With72b };

function request(model: keyof typeof models, gpu: string, changes: Partial<AdviceRequest> = {}): AdviceRequest {
  const config = parseModelConfig(JSON.stringify(models[model]), model);
  const { shape } = config;
  if (shape === null) throw new Error('a known model has its sizes');
  return {
    repository: `owner/${model}`,
    revision: 'main',
    config: { ...config, shape },
    family: model.startsWith('qwen') ? 'qwen' : 'llama',
    gpu: findGpu(gpu),
    gpus: 8,
    isGpuCountAsked: changes.gpus !== undefined,
    priority: 'quality',
    toolchain: 'trtllm-0.12',
    batch: undefined,
    inputTokens: undefined,
    outputTokens: undefined,
    ...changes,
  };
}

const ruleOf = (asked: AdviceRequest, field: string) =>
  advise(asked).choices.find((choice) => choice.field === field)?.rule;

describe('advise', () => {
  test.each<[string, AdviceRequest, string, string]>([
    ['FP8 first, where the GPU has it', request('qwen2With7b', 'l20'), 'fp8', 'fp8-first'],
    ['FP8 for quality also of small batches', request('qwen2With7b', 'h100', { batch: 1 }), 'fp8', 'fp8-first'],
    [
      'W4A8 AWQ for a small batch that is to be fast, from sm89 on',
      request('qwen2With7b', 'l20', { batch: 4, priority: 'latency', gpus: 1 }),
      'w4a8_awq',
      'small-batch-w4a8',
    ],
    [
      'INT4 AWQ for a small batch below sm89',
      request('llama2With13b', 'a100-40', { batch: 4 }),
      'int4_awq',
      'small-batch-int4-awq',
    ],
    [
      'INT8 SmoothQuant for a larger batch below sm89',
      request('llama2With13b', 'a100-80', { batch: 5 }),
      'int8_sq',
      'large-batch-int8-sq',
    ],
    [
      'weights of 4 bits where 8 do not fit',
      request('llama2With13b', 'a10', { batch: 16, gpus: 2, inputTokens: 3072, outputTokens: 1024 }),
      'int4_awq',
      'smaller-weights-int4-awq',
    ],
    [
      'weights alone where the support matrix lists nothing that is calibrated',
      request('mixtral8x7b', 'a100-80', { batch: 8 }),
      'int8_wo',
      'weight-only-int8',
    ],
  ])('proposes %s', (_, asked, format, rule) => {
    expect(advise(asked).spec.quantization.format).toBe(format);
    expect(ruleOf(asked, 'quantization.format')).toBe(rule);
  });

  test('finds for Qwen2 72B on four L20 what its notes do: quantized on four, served on two, a baseline on four', () => {
    const { spec } = advise(
      request('qwen2With72b', 'l20', {
        gpus: 4,
        batch: 8,
        inputTokens: 1024,
        outputTokens: 128,
        toolchain: 'trtllm-0.10',
      }),
    );
    expect(spec).toMatchObject({
      quantization: { format: 'fp8', gpus: 4 },
      parallelism: { tensor: 2, pipeline: 1 },
      gate: { baseline: { source: 'engine', parallelism: { tensor: 4, pipeline: 1 } } },
    });
  });

  test('takes the block that divides, where the usual one does not', () => {
    const { spec } = advise(
      request('qwen2With72b', 'a100-80', { gpus: 4, batch: 4, inputTokens: 30_000, outputTokens: 2000 }),
    );
    expect(spec).toMatchObject({ quantization: { format: 'int4_awq', awqBlockSize: 64 }, parallelism: { tensor: 2 } });
  });

  test('quantizes the KV cache where speed comes first: FP8 where the GPU has it, else INT8', () => {
    const of = (gpu: string, priority: AdviceRequest['priority']) =>
      advise(request('llama2With13b', gpu, { priority })).spec.quantization.kvCache;
    expect([of('l40s', 'throughput'), of('a100-80', 'throughput'), of('l40s', 'quality')]).toEqual([
      'fp8',
      'int8',
      'none',
    ]);
  });

  test('spends GPUs on latency where it was said how many there are, and else as few as hold it', () => {
    const tensor = (changes: Partial<AdviceRequest>) =>
      advise(request('llama2With13b', 'h100', { priority: 'latency', ...changes })).spec.parallelism.tensor;
    expect([tensor({}), tensor({ gpus: 4 })]).toEqual([1, 4]);
  });

  test('bounds the tokens of a step where v0.10 would take batch × input', () => {
    const { spec } = advise(request('llama2With13b', 'h100', { toolchain: 'trtllm-0.10', priority: 'throughput' }));
    expect(spec.build).toMatchObject({ maxBatchSize: 64, maxNumTokens: 8192 });
  });

  test('halves a batch that was not asked for before it takes another format, and keeps one that was', () => {
    const { spec } = advise(request('llama2With13b', 'l4', { gpus: 2, priority: 'throughput' }));
    expect(spec).toMatchObject({ quantization: { format: 'fp8' }, build: { maxBatchSize: 16 } });
    expect(() => advise(request('llama2With13b', 'l4', { gpus: 2, batch: 64 }))).toThrow(/Fits with /);
  });

  test.each<[string, AdviceRequest, RegExp]>([
    [
      'GPUs for calibration',
      request('qwen2With72b', 'l20', { gpus: 2 }),
      /needs the whole unquantized model, 145 GB, in GPU memory: 2 × l20 with 48 GB cannot hold it.*Fits with --gpus 4\.$/,
    ],
    [
      'room for the batch, and how many GPUs, which batch and which lengths would do',
      request('llama2With13b', 'a10', { gpus: 2, batch: 64, inputTokens: 4096, outputTokens: 1024 }),
      /no format leaves room for 64 requests of 4096 \+ 1024 tokens on 2 × a10 with 24 GB.*Fits with --gpus \d+, or --batch \d+, or --input-len \d+ --output-len \d+\.$/,
    ],
  ])('says what is missing: %s', (_, asked, said) => {
    expect(() => advise(asked)).toThrow(
      expect.objectContaining({ type: 'InvalidSpec', message: expect.stringMatching(said) }),
    );
  });

  test('what it says would fit does', () => {
    const asked = request('llama2With13b', 'a10', { gpus: 2, batch: 64, inputTokens: 4096, outputTokens: 1024 });
    const { message } = (() => {
      try {
        advise(asked);
      } catch (failure) {
        if (failure instanceof Error) return failure;
      }
      throw new Error('it fits');
    })();
    const number = (flag: string): number => Number(new RegExp(`--${flag} (\\d+)`).exec(message)?.[1]);
    for (const change of [
      { gpus: number('gpus') },
      { batch: number('batch') },
      { inputTokens: number('input-len'), outputTokens: number('output-len') },
    ]) {
      expect(advise({ ...asked, ...change }).estimate.concurrency).toBeGreaterThan(0);
    }
  });

  const everything = Object.keys(models).flatMap((model) =>
    ['a10', 'a100-80', 'l4', 'l20', 'h100', 'h200'].flatMap((gpu) =>
      priorities.map((priority) => [model as keyof typeof models, gpu, priority] as const),
    ),
  );

  test.each(everything)(
    '%s on %s for %s is a spec that lint accepts, or says what is missing',
    (model, gpu, priority) => {
      for (const toolchain of ['trtllm-0.9', 'trtllm-0.10', 'trtllm-0.11', 'trtllm-0.12', 'trtllm-0.13']) {
        if (toolchain === 'trtllm-0.9' && model.startsWith('qwen')) continue;
        const asked = request(model, gpu, { priority, toolchain });
        try {
          const { input, spec, estimate, findings } = advise(asked);
          expect(parseSpec(input, 'advice')).toEqual(spec);
          expect(checkSpec(spec).name).toBe(toolchain);
          checkModel(spec, 'candidate', asked.config);
          expect(findings.filter(({ severity }) => severity !== 'note')).toEqual([]);
          expect(estimate.concurrency).toBe(spec.build.maxBatchSize);
          const { weights, activations, kvCache } = estimate.serving;
          expect(weights + activations + kvCache).toBeLessThanOrEqual(asked.gpu.memoryGb * GIGABYTE);
          for (const { gpus } of estimate.steps) expect(gpus).toBeLessThanOrEqual(asked.gpus);
        } catch (failure) {
          expect(failure).toMatchObject({
            type: 'InvalidSpec',
            message: expect.stringMatching(/^Nothing that can be proposed fits/),
          });
        }
      }
    },
  );

  test('says what a release cannot do at all, not that a model is too large for it', () => {
    expect(() => advise(request('llama2With13b', 'h100', { toolchain: 'trtllm-0.9' }))).toThrow(
      expect.objectContaining({
        type: 'InvalidSpec',
        message: expect.stringMatching(
          /^Nothing that can be proposed fits: summarize\.py of v0\.9\.0 has no --dataset_dir\. v0\.10\.0, .* do\. .* use such a release\.$/,
        ),
      }),
    );
  });

  test('lists of rules end with one that always holds, so that something is always tried', () => {
    for (const rules of [formatRules, kvCacheRules, batchRules, parallelismRules]) {
      expect(rules.at(-1)?.holds({ capability: 75, batch: 1000, priority: 'quality', isGpuCountAsked: false })).toBe(
        true,
      );
    }
  });
});

describe('findGpu', () => {
  test.each([
    ['l20', 'l20'],
    ['NVIDIA L40S', 'l40s'],
    ['RTX-4090', '4090'],
    ['A100 80GB', 'a100-80'],
    ['sm89', 'l4'],
    ['SM90', 'h100'],
  ])('takes %s for %s', (asked, name) => {
    expect(findGpu(asked)).toMatchObject({ name, isSmallestOfClass: /^sm/i.test(asked) });
  });

  test.each([
    ['a100', /Did you mean a100-40 or a100-80\?/],
    ['h1000', /Did you mean h100\?/],
    ['v100', /is no GPU that is known; known are a30, /],
  ])('says for %s what is known', (asked, said) => {
    expect(() => findGpu(asked)).toThrow(
      expect.objectContaining({ type: 'NotFound', message: expect.stringMatching(said) }),
    );
  });
});
