import { describe, expect, test } from 'vitest';
import type { Finding } from '../../../src/contracts/finding.js';
import type { Spec, SpecInput } from '../../../src/contracts/spec.js';
import { lintModel } from '../../../src/toolchains/lint/lint.js';
import { identityRules } from '../../../src/toolchains/lint/model.js';
import { modelRules } from '../../../src/toolchains/lint/rules.js';
import { parseModelConfig } from '../../../src/toolchains/model-config.js';
import { llama2With13b, mixtral8x7b, qwen2With7b, qwen2With72b, smol135 } from '../../support/model-configs.js';
import { testSpec } from '../../support/specs.js';

type Change = (input: SpecInput) => void;

const gpu = (change: Change = () => {}): Spec =>
  testSpec((input) => {
    Object.assign(input, { toolchain: 'trtllm-0.12', gpuClass: 'sm90' });
    change(input);
  });
const qwen = (change: Change = () => {}): Spec =>
  gpu((input) => {
    Object.assign(input.model, { family: 'qwen' });
    change(input);
  });
const tensor =
  (degree: number): Change =>
  (input) =>
    Object.assign(input, { parallelism: { tensor: degree } });
const awq =
  (degree: number, awqBlockSize = 128): Change =>
  (input) => {
    Object.assign(input.quantization, { format: 'int4_awq', awqBlockSize });
    tensor(degree)(input);
  };
const gptq = gpu((input) => Object.assign(input.quantization, { format: 'int4_gptq' }));
const of =
  (toolchain: string): Change =>
  (input) =>
    Object.assign(input, { toolchain });
const onClass =
  (gpuClass: string): Change =>
  (input) =>
    Object.assign(input, { gpuClass });

const findingsOf = (spec: Spec, config: object, side: 'candidate' | 'baseline' = 'candidate'): Finding[] => {
  const { identity, fit } = lintModel(spec, side, parseModelConfig(JSON.stringify(config), 'owner/name'));
  return [...identity, ...fit];
};
const codesOf = (...asked: Parameters<typeof findingsOf>): string[] => findingsOf(...asked).map(({ code }) => code);

/** By code: a spec and a model that it fires on, and those that it does not. */
const cases: Record<string, [[Spec, object], [Spec, object]]> = {
  'model-architecture-unsupported': [
    [gpu(), qwen2With7b],
    [qwen(), qwen2With7b],
  ],
  'model-quantized-already': [
    [gpu(), { ...llama2With13b, quantization_config: { quant_method: 'awq' } }],
    [gpu(), llama2With13b],
  ],
  'model-not-gptq': [
    [gptq, llama2With13b],
    [gptq, { ...llama2With13b, quantization_config: { quant_method: 'gptq' } }],
  ],
  'model-sizes-missing': [
    [gpu(), { architectures: ['LlamaForCausalLM'] }],
    [gpu(), llama2With13b],
  ],
  'model-rope-scaling-unsupported': [
    [gpu(of('trtllm-0.11')), { ...llama2With13b, rope_scaling: { rope_type: 'llama3', factor: 8 } }],
    [gpu(of('trtllm-0.12')), { ...llama2With13b, rope_scaling: { rope_type: 'llama3', factor: 8 } }],
  ],
  'model-biases-unsupported': [
    [testSpec(), { ...smol135, attention_bias: true }],
    [gpu(), { ...smol135, attention_bias: true }],
  ],
  'model-contradicts-itself': [
    [gpu(), { ...llama2With13b, hidden_size: 5121 }],
    [gpu(), { ...llama2With13b, num_key_value_heads: 8 }],
  ],
  'tensor-does-not-divide': [
    [qwen(tensor(8)), qwen2With7b],
    [qwen(tensor(4)), qwen2With7b],
  ],
  'pipeline-does-not-divide': [
    [gpu((input) => Object.assign(input, { parallelism: { pipeline: 3 } })), llama2With13b],
    [gpu((input) => Object.assign(input, { parallelism: { pipeline: 4 } })), llama2With13b],
  ],
  'awq-block-does-not-divide': [
    [qwen(awq(2)), qwen2With72b],
    [qwen(awq(2, 64)), qwen2With72b],
  ],
  'kv-heads-copied': [
    [qwen(tensor(16)), { ...qwen2With72b, intermediate_size: 29696 }],
    [qwen(tensor(8)), qwen2With72b],
  ],
  'mixtral-format-unlisted': [
    [gpu(awq(1)), mixtral8x7b],
    [gpu(), mixtral8x7b],
  ],
  'gate-beyond-positions': [
    [gpu(), { ...llama2With13b, max_position_embeddings: 611 }],
    [gpu(), { ...llama2With13b, max_position_embeddings: 612 }],
  ],
  'lengths-beyond-positions': [
    [gpu(), { ...llama2With13b, max_position_embeddings: 1279 }],
    [gpu(), { ...llama2With13b, max_position_embeddings: 1280 }],
  ],
  'weights-exceed-gpu': [
    [qwen((input) => Object.assign(input, { gpuClass: 'sm89' })), qwen2With72b],
    [qwen(tensor(2)), qwen2With72b],
  ],
  'calibration-exceeds-gpus': [
    [qwen((input) => Object.assign(input.quantization, { gpus: 1 })), qwen2With72b],
    [qwen((input) => Object.assign(input.quantization, { gpus: 4 })), qwen2With72b],
  ],
  'serving-exceeds-gpu': [
    [
      gpu((input) => {
        Object.assign(input, {
          gpuClass: 'sm89',
          build: { maxInputTokens: 65536, maxOutputTokens: 1024, maxBatchSize: 1 },
        });
      }),
      llama2With13b,
    ],
    [gpu(onClass('sm89')), llama2With13b],
  ],
  'gpu-memory-needed': [
    [gpu(), llama2With13b],
    [testSpec(), smol135],
  ],
  'disk-needed': [
    [gpu(), llama2With13b],
    [testSpec(), smol135],
  ],
  'host-memory-needed': [
    [gpu(), llama2With13b],
    [testSpec(), smol135],
  ],
};

describe('lintModel', () => {
  test('has a case here for each of its rules', () => {
    expect(Object.keys(cases).sort()).toEqual([...identityRules, ...modelRules].map(({ code }) => code).sort());
  });

  test.each(Object.entries(cases))('%s fires where it should, and not beside', (code, [fires, quiet]) => {
    expect(codesOf(...fires)).toContain(code);
    expect(codesOf(...quiet)).not.toContain(code);
  });

  test('finds nothing wrong with tp 8 of 32 heads and 4 key-value heads, which are copied', () => {
    const config = { ...llama2With13b, hidden_size: 4096, num_attention_heads: 32, num_key_value_heads: 4 };
    expect(findingsOf(gpu(tensor(8)), config).filter(({ severity }) => severity === 'error')).toEqual([]);
    expect(codesOf(gpu(tensor(8)), config)).toContain('kv-heads-copied');
  });

  test('refuses tp 8 of 28 heads, and says what is legal', () => {
    expect(findingsOf(qwen(tensor(8)), qwen2With7b)).toContainEqual({
      code: 'tensor-does-not-divide',
      severity: 'error',
      field: 'parallelism.tensor',
      consequence: "8 does not divide the model's 28 heads, 4 key-value heads and intermediate size 18944",
      fix: 'legal: 1, 2, 4',
    });
  });

  test('knows the width of the first Qwen’s MLP, of which its config.json says the double', () => {
    const config = {
      ...llama2With13b,
      architectures: ['QWenLMHeadModel'],
      hidden_size: 4096,
      intermediate_size: 22016,
      num_attention_heads: 32,
      num_key_value_heads: 32,
    };
    expect(codesOf(qwen(awq(2)), config)).not.toContain('awq-block-does-not-divide');
    expect(findingsOf(qwen(awq(4)), config)).toContainEqual(
      expect.objectContaining({
        code: 'awq-block-does-not-divide',
        consequence: expect.stringContaining('2752 (intermediate size 11008 / tensor 4)'),
      }),
    );
  });

  test('says that a number is an estimate, and on what it depends', () => {
    const estimates = findingsOf(gpu(), llama2With13b).filter(({ code }) => code.endsWith('-needed'));
    expect(estimates).toHaveLength(3);
    for (const { consequence } of estimates) expect(consequence).toMatch(/about .*\(estimate\)$/);
  });

  test('asks for memory of calibration only where quantize.py runs, and for that of all samples at once', () => {
    const small: Change = (input) => Object.assign(input.quantization, { gpus: 1 });
    const calibrated = qwen(small);
    expect(codesOf(calibrated, qwen2With72b)).toContain('calibration-exceeds-gpus');
    const quiet: [string, Spec][] = [
      ['start.checkpoint', qwen((input) => Object.assign(input, { start: { checkpoint: 'a'.repeat(64) } }))],
      ['start.engine', qwen((input) => Object.assign(input, { start: { engine: 'a'.repeat(64) } }))],
      ['int4_gptq', qwen((input) => Object.assign(input.quantization, { format: 'int4_gptq' }))],
    ];
    const config = { ...qwen2With72b, quantization_config: { quant_method: 'gptq' } };
    for (const [name, spec] of quiet) {
      const findings = findingsOf(spec, config);
      expect(
        findings.map(({ code }) => code),
        name,
      ).not.toContain('calibration-exceeds-gpus');
      const note = findings.find(({ code }) => code === 'gpu-memory-needed');
      expect(note?.consequence, name).toMatch(/^serving about/);
    }
    const batch: Change = (input) => Object.assign(input.quantization.calibration ?? {}, { batchSize: 1024 });
    expect(codesOf(qwen(), qwen2With7b)).not.toContain('calibration-exceeds-gpus');
    expect(codesOf(qwen(batch), qwen2With7b)).toContain('calibration-exceeds-gpus');
  });

  test('tells a baseline to have ranks of its own where the unquantized engine is too large', () => {
    const spec = qwen((input) => Object.assign(input.quantization, { gpus: 4 }));
    const [error] = findingsOf(spec, qwen2With72b, 'baseline').filter(({ severity }) => severity === 'error');
    expect(error).toMatchObject({ code: 'weights-exceed-gpu', field: 'gate.baseline.parallelism' });
    expect(findingsOf(spec, qwen2With72b).filter(({ severity }) => severity === 'error')).toEqual([]);
  });
});
