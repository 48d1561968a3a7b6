import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { faultHub } from '../platform/hub/download-kit.js';
import { qwen2With7b } from '../support/model-configs.js';
import { enginesmith, temporaryDirectory } from './cli-fixture.js';

async function modelDirectory(config: object = qwen2With7b): Promise<string> {
  const directory = join(await temporaryDirectory(), 'Qwen2-7B');
  await mkdir(directory);
  await writeFile(join(directory, 'config.json'), JSON.stringify(config));
  return directory;
}

describe('enginesmith advise', () => {
  it('writes a spec that validate accepts without a warning, and says why', async () => {
    const model = await modelDirectory();
    const file = join(await temporaryDirectory(), 'advised.yaml');
    const advised = await enginesmith(['advise', model, '--gpu', 'l20', '--output', file]);
    expect(advised).toMatchObject({ exitCode: 0, stderr: '' });
    expect(advised.stdout).toContain('quantization.format: fp8 [fp8-first]');
    expect(advised.stdout).toMatch(/^checkpoint +1 +18 GB /m);
    for (const line of advised.stdout.split('\n').slice(0, -1)) expect([...line].length).toBeLessThanOrEqual(80);
    const checked = await enginesmith(['validate', '--json', '--model-config', model, file]);
    expect(checked.exitCode).toBe(0);
    const { findings } = JSON.parse(checked.stdout);
    expect(findings.filter(({ severity }: { severity: string }) => severity !== 'note')).toEqual([]);
    expect(await readFile(file, 'utf8')).toMatch(/# FP8 costs very little .*\n.*\[fp8-first\]\n {2}format: fp8$/m);
  });

  it('overwrites nothing', async () => {
    const model = await modelDirectory();
    const { exitCode, stderr } = await enginesmith([
      'advise',
      model,
      '--gpu',
      'l20',
      '--output',
      join(model, 'config.json'),
    ]);
    expect(exitCode).toBe(2);
    expect(stderr.replaceAll(/\n\s*/g, ' ')).toContain('it exists already');
  });

  it('prints the spec alone to stdout, so that it can be piped', async () => {
    const { stdout, stderr } = await enginesmith(['advise', await modelDirectory(), '--gpu', 'sm90', '--gpus', '2']);
    expect(parse(stdout)).toMatchObject({ name: 'qwen2-7b-fp8', gpuClass: 'sm90', model: { family: 'qwen' } });
    expect(stderr.replaceAll('\n', ' ')).toContain('h100 (sm90, 80 GB, the smallest sm90 that is known)');
  });

  it('reads the config.json of a repository, and nothing else of it', async () => {
    const hub = await faultHub({
      files: { 'config.json': Buffer.from(JSON.stringify(qwen2With7b)), 'model.safetensors': Buffer.from('x') },
    });
    const { stdout } = await enginesmith(
      [
        'advise',
        'Qwen/Qwen2-7B',
        '--gpu',
        'a100-80',
        '--batch',
        '4',
        '--input-len',
        '512',
        '--output-len',
        '64',
        '--json',
      ],
      { HF_ENDPOINT: hub.url, HOME: '/nowhere' },
    );
    const { spec, choices, estimate, findings, file } = JSON.parse(stdout);
    expect(spec).toMatchObject({
      model: { repository: 'Qwen/Qwen2-7B', revision: 'main', family: 'qwen' },
      quantization: { format: 'int4_awq' },
      build: { maxBatchSize: 4, maxInputTokens: 512, maxOutputTokens: 64 },
    });
    expect(choices[0]).toMatchObject({ field: 'quantization.format', rule: 'small-batch-int4-awq' });
    expect({ concurrency: estimate.concurrency, file }).toEqual({ concurrency: 4, file: null });
    expect(findings.map(({ severity }: { severity: string }) => severity)).not.toContain('error');
  });

  it.each<[string, string[], RegExp]>([
    ['a GPU that is not known', ['--gpu', 'v100'], /"v100" is no GPU that is known/],
    [
      'a toolchain that does not run on it',
      ['--gpu', 'l4', '--toolchain', 'reference-cpu'],
      /does not run on l4 \(sm89\)/,
    ],
    ['a model that the release cannot convert', ['--gpu', 'l4', '--toolchain', 'trtllm-0.9'], /is a Qwen2ForCausalLM/],
    ['what fits nowhere', ['--gpu', 'l4', '--gpus', '1', '--batch', '4096'], /Fits with .*--batch/],
    ['a number that is none', ['--gpu', 'l4', '--batch', 'many'], /must be a whole number from 1 to 4096/],
  ])('exits 2 for %s', async (_, options, said) => {
    const { exitCode, stdout, stderr } = await enginesmith(['advise', await modelDirectory(), ...options]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr.replaceAll(/\n\s*/g, ' ')).toMatch(said);
  });

  it('exits 2 for a model that is neither here nor a repository', async () => {
    const { exitCode, stderr } = await enginesmith(['advise', './no-such-model', '--gpu', 'l4']);
    expect(exitCode).toBe(2);
    expect(stderr.replaceAll(/\n\s*/g, ' ')).toContain('is neither here nor a repository');
  });
});
