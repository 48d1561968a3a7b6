import { describe, expect, it } from 'vitest';
import { build, imported, quantize } from './import-fixture.js';

/** The model of each spec of a script that links Qwen/Qwen2-7B, and its findings. */
function modelsOf(text: string) {
  const { specs, codes } = imported('v0.10.0', text);
  return { models: specs.map(({ model }) => model), codes };
}

const quantized = (model: string) => `${quantize.replace('/m/Qwen2-7B', model)}\n${build}`;

const linked = { models: [{ repository: 'Qwen/Qwen2-7B', family: 'qwen' }], codes: [] };

describe('importScript, of folders that look like a repository of the Hub', () => {
  it.each([
    ['a folder below the working directory', quantized('./ckpt/Qwen2-7B')],
    ['a folder of a folder that the script went to', `cd ckpt\n${quantized('./Qwen2-7B')}`],
    ['a folder of models', quantized('models/Qwen2-7B')],
    ['a repository', quantized('Qwen/Qwen2-7B')],
  ])('takes %s for what the page links', (_, text) => {
    expect(modelsOf(text)).toEqual(linked);
  });

  it('says that it guessed, of a folder that nothing links', () => {
    expect(modelsOf(quantized('./models/Qwen2-1.5B'))).toEqual({
      models: [{ repository: 'Qwen/Qwen2-1.5B', family: 'qwen' }],
      codes: ['2 repository-guessed model.repository'],
    });
  });

  it('reads `owner/name` as a repository, also where another one of that name is linked', () => {
    const { models } = modelsOf(quantized('ours/Qwen2-7B'));
    expect(models).toEqual([{ repository: 'ours/Qwen2-7B', family: 'qwen' }]);
  });

  it('finds where a model was cloned to, below the working directory', () => {
    const clone = 'git clone https://huggingface.co/Qwen/Qwen2-7B-Instruct models/qwen7b';
    const { models, codes } = modelsOf(`${clone}\n${quantized('./models/qwen7b/')}`);
    expect(models).toEqual([{ repository: 'Qwen/Qwen2-7B-Instruct', family: 'qwen' }]);
    expect(codes).toEqual([]);
  });
});

describe('importScript, of downloads from the Hub', () => {
  it.each([
    'huggingface-cli download Qwen/Qwen2-7B-Instruct --local-dir /models/qwen7b',
    'huggingface-cli download --resume-download Qwen/Qwen2-7B-Instruct --local-dir /models/qwen7b',
    'huggingface-cli download --local-dir=/models/qwen7b --revision main Qwen/Qwen2-7B-Instruct config.json',
    'huggingface-cli download --cache-dir hub/cache --quiet Qwen/Qwen2-7B-Instruct --local-dir /models/qwen7b',
    'hf download Qwen/Qwen2-7B-Instruct --local-dir /models/qwen7b',
    'hf download --local-dir /models/qwen7b --token "$TOKEN" Qwen/Qwen2-7B-Instruct',
  ])('knows what lies where `%s` puts it', (download) => {
    const { models, codes } = modelsOf(`${download}\n${quantized('/models/qwen7b')}`);
    expect(models).toMatchObject([{ repository: 'Qwen/Qwen2-7B-Instruct' }]);
    expect(codes).toEqual([]);
  });

  it('takes no option’s value for what is downloaded', () => {
    const { codes } = modelsOf(`hf download --local-dir models/own $MODEL\n${quantized('./models/own')}`);
    expect(codes).toEqual(['3 repository-unknown --model_dir']);
  });
});
