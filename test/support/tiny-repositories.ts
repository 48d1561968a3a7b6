import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import type { SpecInput } from '../../src/contracts/spec.js';
import { toolchainPython } from './product.js';

const script = fileURLToPath(new URL('./tiny_repositories.py', import.meta.url));
const toolchainTests = fileURLToPath(new URL('../../toolchain-cpu/tests', import.meta.url));

/**
 * Writes a Hub mirror with a random Llama of 1.3 MB and 72 short articles, the same ones every time.
 * @param paddingBytes size of one more file in the model's repository, which nobody reads; 0 for none
 */
export async function writeTinyRepositories(directory: string, paddingBytes: number): Promise<{ mirror: string }> {
  const mirror = join(directory, 'mirror');
  await execa(toolchainPython, [script, mirror, toolchainTests], { timeout: 60_000 });
  if (paddingBytes > 0) await writeFile(join(mirror, 'models/tiny/llama/main/padding.txt'), randomBytes(paddingBytes));
  return { mirror };
}

/** A pipeline over them that takes seconds and ends DEPLOYED: random texts score near zero, whoever wrote them. */
export const tinySpec = (name: string): SpecInput => ({
  apiVersion: 'enginesmith/v1',
  name,
  model: { repository: 'tiny/llama' },
  quantization: { format: 'int4_wo' },
  build: { maxBatchSize: 2, maxInputTokens: 512, maxOutputTokens: 64 },
  gate: {
    dataset: { repository: 'tiny/cnn_dailymail' },
    articles: 8,
    maxInputTokens: 256,
    maxOutputTokens: 8,
    margin: { points: 50 },
  },
  // Enough that tokens which stream are seen to, though each takes a millisecond or two.
  smoke: { maxTokens: 48 },
});
