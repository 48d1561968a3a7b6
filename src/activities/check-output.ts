import { lstat, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EnginesmithFailure } from '../contracts/failures.js';
import { findSafetensorsDamage } from '../platform/safetensors.js';

/** The texts of 4096 articles take some megabytes; a file that is larger was not meant for us, and would fill the memory. */
const MAXIMUM_READ_BYTES = 256 * 1024 * 1024;

const invalid = (problem: string, file: string, cause?: unknown): EnginesmithFailure =>
  new EnginesmithFailure('ToolOutputInvalid', `the tool exited 0, but ${problem}`, { cause, context: { file } });

/** Follows no link: what it points at is not the tool's output. Opening a named pipe would wait for ever. */
const bytesOf = (output: string, name: string): Promise<number | undefined> =>
  lstat(join(output, name)).then(
    (found) => (found.isFile() ? found.size : undefined),
    () => undefined,
  );

/**
 * Reads a file that the tool should have written.
 * @throws EnginesmithFailure `ToolOutputInvalid` naming the file when it has not, or when it is no file that can be read
 */
export async function readOutput(output: string, name: string): Promise<string> {
  const bytes = await bytesOf(output, name);
  if (bytes === undefined) throw invalid(`wrote no ${name}, or no regular file`, name);
  if (bytes > MAXIMUM_READ_BYTES) {
    throw invalid(`${name} has ${bytes} bytes; at most ${MAXIMUM_READ_BYTES} make sense`, name);
  }
  return readFile(join(output, name), 'utf8');
}

/**
 * Checks that every rank's file is there and holds something; weights are checked to be whole. v0.10's trtllm-build takes a
 * missing checkpoint rank for dummy weights and exits 0.
 * @throws EnginesmithFailure `ToolOutputInvalid` naming the file
 */
export async function requireRankFiles(
  output: string,
  worldSize: number,
  extension: 'safetensors' | 'engine',
): Promise<void> {
  for (let rank = 0; rank < worldSize; rank += 1) {
    const name = `rank${rank}.${extension}`;
    const bytes = await bytesOf(output, name);
    if (bytes === undefined || bytes === 0) throw invalid(`${name} is missing or empty`, name);
    const damage = extension === 'safetensors' ? await findSafetensorsDamage(join(output, name)) : undefined;
    if (damage !== undefined) throw invalid(`${name} ${damage}`, name);
  }
}
