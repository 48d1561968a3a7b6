import { describe, expect, test } from 'vitest';
import { parseSpec } from '../../src/contracts/parse-spec.js';
import { testSpec } from '../support/specs.js';

const refusal = (value: unknown): string => {
  try {
    parseSpec(value, 'spec.yaml');
  } catch (failure) {
    return failure instanceof Error ? failure.message : '';
  }
  return '';
};

describe('parseSpec', () => {
  test('fills every default, so that equal specs are equal', () => {
    const spec = testSpec();
    expect(parseSpec(spec, 'spec.yaml')).toEqual(spec);
    expect(spec.parallelism).toEqual({ tensor: 1, pipeline: 1 });
  });

  test.each<[string, unknown, string]>([
    ['an unknown key', { ...testSpec(), bogus: 1 }, 'bogus: unknown key'],
    ['an unknown nested key', { ...testSpec(), build: { maxBatch: 4 } }, 'build.maxBatch: unknown key'],
    ['a missing field', { apiVersion: 'enginesmith/v1', name: 'x' }, 'quantization: is required'],
    ['a wrong type', { ...testSpec(), build: { maxBatchSize: 'four' } }, 'build.maxBatchSize'],
    ['another version', { ...testSpec(), apiVersion: 'v2' }, 'apiVersion'],
    ['a name with a path separator', { ...testSpec(), name: '../x' }, 'name: must be'],
    ['a repository that climbs out', { ...testSpec(), model: { repository: '../..' } }, 'model.repository'],
    ['a revision that is a flag', { ...testSpec(), model: { repository: 'a/b', revision: '--x' } }, 'model.revision'],
    [
      'a prompt that is a flag',
      { ...testSpec(), smoke: { prompt: '--help' } },
      'smoke.prompt: must not start with "--"',
    ],
    ['two margins', { ...testSpec(), gate: { ...testSpec().gate, margin: { share: 0.1, points: 2 } } }, 'gate.margin'],
    ['no object at all', 'text', 'spec: '],
  ])('refuses %s and names the field', (_, value, said) => {
    expect(refusal(value)).toContain(said);
  });

  test('keeps its message to one screen', () => {
    const many = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`key${index}`, index]));
    expect(refusal({ ...testSpec(), ...many, name: 1, model: 2, gate: 3 }).split('\n').length).toBeLessThan(40);
  });
});
