import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { EnginesmithFailure } from '../contracts/failures.js';

/** Reads a file that the tool should have written. Throws `ToolOutputInvalid` naming the file when it has not. */
export const readOutput = (output: string, name: string): Promise<string> =>
  readFile(join(output, name), 'utf8').catch((cause: unknown) => {
    throw new EnginesmithFailure('ToolOutputInvalid', `the tool exited 0, but wrote no ${name}`, {
      cause,
      context: { file: name },
    });
  });

/**
 * Checks that every rank's file is there and holds something. v0.10's trtllm-build takes a missing checkpoint rank for
 * dummy weights and exits 0.
 * @throws EnginesmithFailure `ToolOutputInvalid` naming the file
 */
export async function requireRankFiles(output: string, worldSize: number, extension: string): Promise<void> {
  for (let rank = 0; rank < worldSize; rank += 1) {
    const name = `rank${rank}.${extension}`;
    const bytes = await stat(join(output, name)).then(
      ({ size }) => size,
      () => 0,
    );
    if (bytes > 0) continue;
    throw new EnginesmithFailure('ToolOutputInvalid', `the tool exited 0, but ${name} is missing or empty`, {
      context: { file: name, worldSize },
    });
  }
}
