import { describe, expect, test } from 'vitest';
import type { SpecInput } from '../../src/contracts/spec.js';
import { checkSpec } from '../../src/toolchains/check-spec.js';
import { testSpec } from '../support/specs.js';

describe('checkSpec', () => {
  test('accepts what the toolchain can do', () => {
    expect(checkSpec(testSpec())).toMatchObject({ name: 'reference-cpu' });
  });

  test.each<[string, (input: SpecInput) => void, string]>([
    [
      'a toolchain that is not known',
      (input) => Object.assign(input, { toolchain: { name: 'vllm' } }),
      'reference-cpu v0.10.0',
    ],
    ['a GPU class that the toolchain has not', (input) => Object.assign(input, { gpuClass: 'sm90' }), 'gpuClass'],
    [
      'a format that the toolchain has not',
      (input) => Object.assign(input.quantization, { format: 'int8_sq' }),
      'none, fp8, int4_awq, int4_wo',
    ],
    [
      'calibration without data',
      (input) => Object.assign(input.quantization, { calibration: undefined }),
      'calibration',
    ],
    ['a quantized cache', (input) => Object.assign(input.quantization, { kvCache: 'int8' }), 'kvCache'],
    [
      'more ranks than the toolchain runs',
      (input) => Object.assign(input, { parallelism: { tensor: 3 } }),
      'at most 1',
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
  ])('refuses %s and says what is legal', (_, change, said) => {
    expect(() => checkSpec(testSpec(change))).toThrow(
      expect.objectContaining({ type: 'InvalidSpec', message: expect.stringContaining(said) }),
    );
  });

  test('names every field that is wrong at once', () => {
    const spec = testSpec((input) => {
      Object.assign(input.quantization, { format: 'int8_wo', kvCache: 'fp8' });
    });
    expect(() => checkSpec(spec)).toThrow(/quantization\.format[\s\S]*quantization\.kvCache/);
  });
});
