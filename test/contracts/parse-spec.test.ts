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
    ['nothing', undefined, 'spec: is required'],
    [
      'a misspelt key, with the right one',
      { ...testSpec(), quantisation: 1 },
      'quantisation: unknown key; did you mean "quantization"?',
    ],
    [
      'a shortened key, with the whole one',
      { ...testSpec(), build: { maxBatch: 4 } },
      'build.maxBatch: unknown key; did you mean "maxBatchSize"?',
    ],
    [
      'a key in the wrong place, with the right one',
      { ...testSpec(), format: 'fp8' },
      'format: unknown key here; there is quantization.format',
    ],
    [
      'a misspelt value, with the right one',
      { ...testSpec(), quantization: { ...testSpec().quantization, format: 'int4_agw' } },
      'did you mean "int4_awq"?',
    ],
    [
      'a token as a key',
      { ...testSpec(), model: { repository: 'a/b', token: 'x' } },
      'model.token: a spec holds no secrets',
    ],
    ['an endpoint', { ...testSpec(), HF_ENDPOINT: 'http://hub' }, 'HF_ENDPOINT: a spec holds no addresses'],
    [
      'the address of a repository, with its name',
      { ...testSpec(), model: { repository: 'https://huggingface.co/org/model/tree/main' } },
      'model.repository: is an address: write "org/model"',
    ],
    [
      'the address of a dataset, with its name',
      { ...testSpec(), gate: { ...testSpec().gate, dataset: { repository: 'https://hub/datasets/org/data' } } },
      'gate.dataset.repository: is an address: write "org/data"',
    ],
  ])('refuses %s and names the field', (_, value, said) => {
    expect(refusal(value)).toContain(said);
  });

  test.each([
    'hf_abcdefghijklmnopqrstuvwxyz0123456789',
    'ghp_abcdefghijklmnopqrstuvwxyz0123456789',
    'https://user:opensesame@hub.example/org/model',
    'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl',
    '-----BEGIN PRIVATE KEY-----',
  ])('refuses the secret %j wherever it stands, as key or as value, and does not repeat it', (secret) => {
    for (const spec of [
      { ...testSpec(), smoke: { prompt: `Say ${secret}.` } },
      { ...testSpec(), model: { repository: secret } },
      { ...testSpec(), [secret]: 1 },
      { ...testSpec(), unknown: { nested: [secret] } },
    ]) {
      const said = refusal(spec);
      expect(said).toContain('spec.yaml is not a valid spec');
      expect(said).not.toContain(secret.slice(4));
    }
    expect(refusal({ ...testSpec(), smoke: { prompt: `Say ${secret}.` } })).toMatch(
      /smoke\.prompt: looks like a secret/,
    );
  });

  test('lets a prompt speak of addresses', () => {
    const prompt = 'What is at https://example.org/a?';
    expect(parseSpec({ ...testSpec(), smoke: { prompt } }, 'spec.yaml').smoke.prompt).toBe(prompt);
  });

  test('keeps its message to one screen', () => {
    const many = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`key${index}`, index]));
    const said = refusal({ ...testSpec(), ...many, name: 1, model: 2, gate: 3 });
    expect(said).toContain('and 495 more');
    expect(said.split('\n').length).toBeLessThanOrEqual(11);
  });
});
