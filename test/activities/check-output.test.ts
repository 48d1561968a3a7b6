import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { readOutput, requireRankFiles } from '../../src/activities/check-output.js';
import { writeConfig, writeWeights } from './tool-host.js';

/** The output directory of a tool that did `script` in it. */
async function outputOf(script: string): Promise<string> {
  const output = await mkdtemp(join(tmpdir(), 'enginesmith-output-'));
  onTestFinished(() => rm(output, { recursive: true, force: true }));
  execFileSync('bash', ['--norc', '-c', script], { env: { PATH: process.env.PATH, output }, cwd: output });
  return output;
}

const invalid = (message: RegExp) => ({
  type: 'ToolOutputInvalid',
  retryable: false,
  message: expect.stringMatching(message),
});

describe('a file that the tool should have written', () => {
  test('is read as it is', async () => {
    expect(await readOutput(await outputOf(writeConfig()), 'config.json')).toContain('LlamaForCausalLM');
  });

  test.each<[string, string, RegExp]>([
    ['that is not there', ':', /wrote no config\.json/],
    ['whose directory is gone', 'rm -r "$output"', /wrote no config\.json/],
    ['that is a directory', 'mkdir config.json', /no regular file/],
    ['that is a named pipe, which nobody fills', 'mkfifo config.json', /no regular file/],
    ['that is a link out of the directory', 'ln -s /etc/hostname config.json', /no regular file/],
    ['of 300 MB', 'truncate -s 300M config.json', /config\.json has 314572800 bytes; at most/],
  ])('%s is refused at once', async (_, script, said) => {
    await expect(readOutput(await outputOf(script), 'config.json')).rejects.toMatchObject(invalid(said));
  });
});

describe("the weights of a checkpoint's ranks", () => {
  test('are taken when they are whole', async () => {
    await expect(requireRankFiles(await outputOf(writeWeights()), 1, 'safetensors')).resolves.toBeUndefined();
  });

  test.each<[string, string, RegExp]>([
    ['not all there', writeWeights(), /rank1\.safetensors is missing or empty/],
    ['empty', ': > rank0.safetensors', /missing or empty/],
    ['cut off in the data', writeWeights(64), /has 64 bytes, and its header announces 66/],
    [
      'longer than announced',
      `${writeWeights()}; echo x >> rank0.safetensors`,
      /has 68 bytes, and its header announces/,
    ],
    ['cut off in the header', writeWeights(20), /is cut off in its header: 20 of at least 62 bytes/],
    ['cut off before the header', writeWeights(5), /is cut off before its header/],
    ['a text', 'yes | head -c 4096 > rank0.safetensors', /is no safetensors file/],
    ['without a tensor', `printf '\\x2\\0\\0\\0\\0\\0\\0\\0{}' > rank0.safetensors`, /holds no tensor/],
    [
      'of a header that is none',
      `printf '\\x2\\0\\0\\0\\0\\0\\0\\0[]' > rank0.safetensors`,
      /not of the safetensors format/,
    ],
    ['links', 'ln -s /etc/hostname rank0.safetensors', /missing or empty/],
  ])('are refused when they are %s', async (_, script, said) => {
    await expect(requireRankFiles(await outputOf(script), 2, 'safetensors')).rejects.toMatchObject(invalid(said));
  });
});
