import { describe, expect, test } from 'vitest';
import type { Spec, SpecInput } from '../../src/contracts/spec.js';
import { checkModel } from '../../src/toolchains/check-model.js';
import { checkSources } from '../../src/toolchains/check-sources.js';
import { parseModelConfig } from '../../src/toolchains/model-config.js';
import { smol135 as smol } from '../support/model-configs.js';
import { testSpec } from '../support/specs.js';

/** As the Hub has them: Llama 2 13B, and Qwen2 72B's sizes. */
const llama13 = {
  ...smol,
  hidden_size: 5120,
  intermediate_size: 13824,
  num_hidden_layers: 40,
  num_attention_heads: 40,
  num_key_value_heads: 40,
};
const qwen72 = {
  ...smol,
  hidden_size: 8192,
  intermediate_size: 29568,
  num_hidden_layers: 80,
  num_attention_heads: 64,
  num_key_value_heads: 8,
};

const gpu = (change: (input: SpecInput) => void = () => {}): Spec =>
  testSpec((input) => {
    input.toolchain = 'trtllm-0.10';
    input.gpuClass = 'sm90';
    input.quantization.gpus = 4;
    change(input);
  });
const awq = (tensor: number, awqBlockSize?: number) =>
  gpu((input) => {
    Object.assign(input.quantization, {
      format: 'int4_awq',
      gpus: 4,
      ...(awqBlockSize === undefined ? {} : { awqBlockSize }),
    });
    input.parallelism = { tensor };
  });

/** What works, but may not be meant: a spec of a GPU class has notes of what it needs beside. */
const check = (spec: Spec, config: object, side: 'candidate' | 'baseline' = 'candidate') =>
  checkModel(spec, side, parseModelConfig(JSON.stringify(config), 'owner/name')).filter(
    ({ severity }) => severity !== 'note',
  );

const failureOf = (spec: Spec, config: object, side: 'candidate' | 'baseline' = 'candidate') => {
  try {
    check(spec, config, side);
  } catch (failure) {
    return failure;
  }
  throw new Error('it was not refused');
};

const refused = (type: string, said: RegExp) => ({ type, retryable: false, message: expect.stringMatching(said) });

describe('checkModel', () => {
  test('accepts a model that fits', () => {
    expect(check(testSpec(), smol)).toEqual([]);
    const ranks = testSpec((input) => {
      Object.assign(input.quantization, { format: 'int4_awq', awqBlockSize: 64 });
      input.parallelism = { tensor: 3, pipeline: 5 };
    });
    expect(check(ranks, smol)).toEqual([]);
    expect(check(awq(4), llama13)).toEqual([]);
    expect(check(awq(1), qwen72)).toEqual([]);
    expect(check(awq(2, 64), qwen72)).toEqual([]);
    expect(
      check(
        gpu((input) => Object.assign(input, { parallelism: { tensor: 16 } })),
        { ...qwen72, intermediate_size: 28672 },
      ),
    ).toEqual([]);
  });

  test.each<[string, Spec, object, RegExp]>([
    [
      'tp that divides no heads',
      gpu((input) => Object.assign(input, { parallelism: { tensor: 3 } })),
      llama13,
      /parallelism\.tensor: 3 does not divide the model's 40 heads.*legal: 1, 2, 4, 8 \[[a-z-]+\]$/m,
    ],
    [
      'tp that neither splits nor copies key-value heads',
      gpu((input) => Object.assign(input, { parallelism: { tensor: 4 } })),
      { ...llama13, num_key_value_heads: 10 },
      /40 heads, 10 key-value heads .*legal: 1, 2 \[[a-z-]+\]$/m,
    ],
    [
      'tp that does not divide the intermediate size',
      gpu((input) => Object.assign(input, { parallelism: { tensor: 5 } })),
      llama13,
      /intermediate size 13824; legal: 1, 2, 4, 8 \[[a-z-]+\]$/m,
    ],
    [
      'pp that does not divide the layers',
      gpu((input) => Object.assign(input, { parallelism: { pipeline: 3 } })),
      llama13,
      /parallelism\.pipeline: 3 does not divide the model's 40 layers; legal: 1, 2, 4, 5, 8, 10, 20, 40 \[[a-z-]+\]$/m,
    ],
    [
      'tp 2 of the small model, on the CPU',
      testSpec((input) => Object.assign(input, { parallelism: { tensor: 2 } })),
      smol,
      /parallelism\.tensor: 2 does not divide the model's 9 heads, 3 key-value heads .*legal: 1, 3 \[[a-z-]+\]$/m,
    ],
    [
      'pp beyond what the toolchain runs',
      testSpec((input) => Object.assign(input, { parallelism: { pipeline: 4 } })),
      smol,
      /parallelism\.pipeline: 4 does not divide the model's 30 layers; legal: 1, 2, 3, 5, 6, 10, 15 \[[a-z-]+\]$/m,
    ],
    [
      'the default AWQ block on a small model',
      testSpec((input) => Object.assign(input.quantization, { format: 'int4_awq' })),
      smol,
      /quantization\.awqBlockSize: 128 does not divide 576 \(hidden size 576\), 576 \(attention size 576\); use 64, 32, 16 \[[a-z-]+\]$/m,
    ],
    [
      "an AWQ block that does not divide a rank's part of the attention's output",
      testSpec((input) => {
        Object.assign(input.quantization, { format: 'int4_awq', awqBlockSize: 128 });
        input.parallelism = { tensor: 12 };
      }),
      { ...smol, hidden_size: 768, num_attention_heads: 12 },
      /awqBlockSize: 128 does not divide 64 \(attention size 768 \/ tensor 12\); use 64, 32, 16 \[[a-z-]+\]$/m,
    ],
    [
      'the AWQ block of the seed with Qwen2 72B on 2 GPUs',
      awq(2),
      qwen72,
      /128 does not divide 14784 \(intermediate size 29568 \/ tensor 2\); use 64 \[[a-z-]+\]$/m,
    ],
    [
      'any AWQ block with Qwen2 72B on 4 GPUs',
      awq(4),
      qwen72,
      /128 does not divide 7392 .*, nor does any size .*\(64, 128\); use 64 with parallelism\.tensor 2, or 128 or 64 with parallelism\.tensor 1 \[[a-z-]+\]$/m,
    ],
    [
      'an AWQ block that divides but has no kernel',
      awq(1, 256),
      llama13,
      /256 is no size that the toolchain has; use 128, 64 \[[a-z-]+\]$/m,
    ],
    [
      'articles beyond what the model was made for',
      testSpec(),
      { ...smol, max_position_embeddings: 512 },
      /gate\.maxInputTokens: 512 and gate\.maxOutputTokens 100 are more than the 512 positions .* at most 412 \[[a-z-]+\]$/m,
    ],
  ])('refuses %s, with the nearest that is legal', (_, spec, config, said) => {
    expect(failureOf(spec, config)).toMatchObject(refused('InvalidSpec', said));
  });

  test.each<[string, object, RegExp]>([
    [
      'of another architecture',
      { ...smol, architectures: ['Qwen2ForCausalLM'] },
      /is a Qwen2ForCausalLM; toolchain reference-cpu has LlamaForCausalLM/,
    ],
    [
      'without sizes, of another architecture',
      { architectures: ['GPT2LMHeadModel'], n_embd: 768 },
      /is a GPT2LMHeadModel/,
    ],
    ['without an architecture', { ...smol, architectures: undefined }, /names no architecture/],
    [
      'that is quantized already',
      { ...smol, quantization_config: { quant_method: 'gptq', bits: 4 } },
      /quantized already, by gptq/,
    ],
    ['without its sizes', { architectures: ['LlamaForCausalLM'] }, /not usable: hidden_size: /],
    ['of impossible sizes', { ...smol, hidden_size: -1 }, /hidden_size: /],
    [
      'that contradicts itself',
      { ...smol, num_key_value_heads: 4 },
      /contradicts itself: hidden size 576, 9 heads, 4 key-value heads/,
    ],
    [
      'that scales its positions',
      { ...smol, rope_scaling: { rope_type: 'llama3', factor: 8 } },
      /scales its positions by "llama3".*has none/,
    ],
    ['that has biases', { ...smol, attention_bias: true }, /has attention_bias or mlp_bias/],
  ])('refuses a model %s', (_, config, said) => {
    expect(failureOf(testSpec(), config)).toMatchObject(refused('UnsupportedModel', said));
  });

  test('names all that is wrong at once, and never the control characters of a config.json', () => {
    const config = { ...qwen72, architectures: ['Evil\u001b[2J'], quantization_config: {} };
    const { message } = failureOf(awq(4), config) as Error;
    expect(message.split('\n')).toHaveLength(4);
    expect(message).toContain('Evil\uFFFD[2J');
    expect(message).toContain('quantization.awqBlockSize');
  });

  test('checks a baseline for its own parallelism, and for nothing that only the candidate does', () => {
    const own = (source: 'engine' | 'huggingface', tensor: number) =>
      gpu((input) => {
        Object.assign(input.quantization, { format: 'int4_awq', awqBlockSize: 256 });
        input.gate.baseline = { source, ...(source === 'engine' ? { parallelism: { tensor } } : {}) };
      });
    expect(check(own('engine', 4), llama13, 'baseline')).toEqual([]);
    expect(check(own('huggingface', 4), { ...llama13, num_attention_heads: 40 }, 'baseline')).toEqual([]);
    expect(failureOf(own('engine', 3), llama13, 'baseline')).toMatchObject(
      refused('InvalidSpec', /gate\.baseline\.parallelism\.tensor: 3 does not divide/),
    );
  });

  test('notes an engine that is larger than its model, which upstream builds', () => {
    expect(check(testSpec(), { ...smol, max_position_embeddings: 1024 })).toEqual([
      expect.objectContaining({
        code: 'lengths-beyond-positions',
        field: 'build.maxInputTokens',
        consequence: expect.stringContaining('1024 and build.maxOutputTokens 256 are more than the 1024 positions'),
      }),
    ]);
    const scaled = { ...llama13, max_position_embeddings: 1024, rope_scaling: { type: 'linear', factor: 2 } };
    expect(check(gpu(), scaled)).toEqual([]);
  });

  test.each(['', 'null', '[]', '{"architectures":3}', '\u0000', '<html>'])('refuses the config.json %j', (text) => {
    expect(() => parseModelConfig(text, 'owner/name at abc')).toThrow(
      expect.objectContaining(refused('UnsupportedModel', /config\.json of owner\/name at abc cannot be used/)),
    );
  });
});

describe('checkSources', () => {
  const commits = { model: 'a', baselineModel: 'b', evaluationDataset: 'c', calibrationDataset: 'd' };

  test('reads each model and dataset once, and no model for evaluations that exist', async () => {
    const asked: string[] = [];
    const reader = {
      readModelConfig: async ({ commit }: { commit: string }) => {
        asked.push(commit);
        return JSON.stringify(smol);
      },
      requireDataset: async ({ commit }: { commit: string }) => void asked.push(commit),
    };
    await checkSources(testSpec(), commits, reader);
    expect(asked).toEqual(['a', 'b', 'c', 'd']);
    asked.length = 0;
    await checkSources(testSpec(), { ...commits, baselineModel: 'a', calibrationDataset: null }, reader);
    expect(asked).toEqual(['a', 'c']);
    asked.length = 0;
    const pinned = testSpec((input) => {
      input.gate.baseline = { source: 'evaluations', evaluations: ['e'.repeat(64)] };
    });
    await checkSources(pinned, commits, reader);
    expect(asked).toEqual(['a', 'c', 'd']);
  });
});
