import { describe, expect, test } from 'vitest';
import { selectDatasetFiles, selectModelFiles } from '../../../src/platform/hub/select-files.js';

const listing = (...paths: string[]) =>
  paths.map((path) => ({ path, bytes: 1, digest: { algorithm: 'sha256', hex: '0'.repeat(64) } as const }));
const pathsOf = (files: { path: string }[]) => files.map(({ path }) => path);

describe('selectModelFiles', () => {
  test('keeps safetensors, configuration, tokenizer, remote code and licence, and drops every other form of the weights', () => {
    const kept = [
      'LICENSE',
      'config.json',
      'generation_config.json',
      'merges.txt',
      'model-00001-of-00002.safetensors',
      'model-00002-of-00002.safetensors',
      'model.safetensors.index.json',
      'modeling_custom.py',
      'tokenizer.json',
      'tokenizer.model',
    ];
    const dropped = [
      '.gitattributes',
      'README.md',
      'consolidated.safetensors',
      'flax_model.msgpack',
      'gguf/q4.gguf',
      'model.gguf',
      'onnx/config.json',
      'original/consolidated.00.pth',
      'original/params.json',
      'pytorch_model.bin',
      'tf_model.h5',
    ];
    expect(pathsOf(selectModelFiles(listing(...dropped, ...kept)))).toEqual(kept);
  });

  test('keeps consolidated safetensors where they are the only ones', () => {
    expect(pathsOf(selectModelFiles(listing('config.json', 'consolidated.safetensors')))).toHaveLength(2);
  });

  test('names the formats that it found in place of safetensors', () => {
    expect(() => selectModelFiles(listing('config.json', 'pytorch_model.bin', 'model.gguf'))).toThrow(
      expect.objectContaining({ type: 'UnsupportedModel', message: expect.stringMatching(/only \.bin, \.gguf/) }),
    );
  });

  test('refuses a repository without config.json', () => {
    expect(() => selectModelFiles(listing('adapter_model.safetensors', 'adapter_config.json'))).toThrow(
      expect.objectContaining({ type: 'UnsupportedModel', message: expect.stringMatching(/adapter/) }),
    );
  });
});

describe('selectDatasetFiles', () => {
  const files = listing('.gitattributes', 'README.md', 'cnn.py', '1.0.0/a.parquet', '3.0.0/b.parquet', 'c.jsonl.gz');

  test('keeps data and the card, and no scripts', () => {
    expect(pathsOf(selectDatasetFiles(files))).toEqual([
      'README.md',
      '1.0.0/a.parquet',
      '3.0.0/b.parquet',
      'c.jsonl.gz',
    ]);
  });

  test('refuses a repository that holds only a script', () => {
    expect(() => selectDatasetFiles(listing('README.md', 'cnn.py'))).toThrow(
      expect.objectContaining({ type: 'UnsupportedModel' }),
    );
  });
});
