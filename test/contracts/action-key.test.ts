import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { type ActionKeyParts, actionKey } from '../../src/contracts/action-key.js';

const digest = 'a'.repeat(64);

const parts: ActionKeyParts = {
  step: 'build',
  stepVersion: 1,
  toolchainIdentity: 'cpu-reference@0.1.0',
  parameters: { maxBatchSize: 8, plugins: { gemm: 'float16', remove_input_padding: true } },
  inputs: { checkpoint: digest },
  gpuArchitecture: 'sm90',
};

describe('actionKey', () => {
  test('is the sha256 of canonical JSON, so that another program can recompute it', () => {
    const text = `{"gpuArchitecture":"sm90","inputs":{"checkpoint":"${digest}"},"parameters":{"maxBatchSize":8,"plugins":{"gemm":"float16","remove_input_padding":true}},"schema":"enginesmith/action/v1","step":"build","stepVersion":1,"toolchainIdentity":"cpu-reference@0.1.0"}`;
    expect(actionKey(parts)).toBe(createHash('sha256').update(text).digest('hex'));
  });

  test('does not depend on the order in which parameters are written', () => {
    const parameters = { plugins: { remove_input_padding: true, gemm: 'float16' }, maxBatchSize: 8 };
    expect(actionKey({ ...parts, parameters })).toBe(actionKey(parts));
  });

  test.each<[string, Partial<ActionKeyParts>]>([
    ['step', { step: 'quantize' }],
    ['step version', { stepVersion: 2 }],
    ['toolchain', { toolchainIdentity: 'cpu-reference@0.1.1' }],
    ['absence of a toolchain', { toolchainIdentity: null }],
    ['value of a parameter', { parameters: { ...parts.parameters, maxBatchSize: 9 } }],
    ['additional parameter', { parameters: { ...parts.parameters, maxBeamWidth: 1 } }],
    ['content of an input', { inputs: { checkpoint: 'b'.repeat(64) } }],
    ['role of an input', { inputs: { model: digest } }],
    ['GPU architecture', { gpuArchitecture: 'sm89' }],
    ['absence of a GPU architecture', { gpuArchitecture: null }],
  ])('changes with another %s', (_name, change) => {
    expect(actionKey({ ...parts, ...change })).not.toBe(actionKey(parts));
  });

  test('refuses a parameter that JSON would drop silently', () => {
    const parameters = { maxBatchSize: Number.NaN };
    expect(() => actionKey({ ...parts, parameters })).toThrow(expect.objectContaining({ type: 'InvalidSpec' }));
  });
});
