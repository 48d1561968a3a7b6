import { Command } from 'commander';
import { EnginesmithFailure } from '../../contracts/failures.js';
import { exitCodes } from '../exit-codes.js';
import { createOutput, type OutputOptions } from '../output.js';
import { shortDigest, withStore } from './open-store.js';

const notes = `
Reads every byte. What does not match its digest goes to the store's quarantine,
and the pipelines that need it make it anew; the command exits 4 then.

Examples:
  $ npx enginesmith artifacts verify 3f2a9c 77be01
  $ npx enginesmith artifacts verify --all --json`;

export const verifyCommand = (): Command =>
  new Command('verify')
    .description('Hashes artifacts anew and compares them with their digests.')
    .argument('[digests...]', 'digests, or the first digits of them')
    .option('--all', 'every artifact of the store')
    .option('--json', 'print {"verified","corrupt":[{"digest","problem"}]}')
    .addHelpText('after', notes)
    .action(verify);

async function verify(
  prefixes: string[],
  { all = false, ...options }: OutputOptions & { all?: boolean },
): Promise<void> {
  if (all === prefixes.length > 0) {
    throw new EnginesmithFailure('NotFound', 'Name the artifacts to verify, or say --all; not both.');
  }
  const output = createOutput(options);
  await withStore(async (store) => {
    const digests = all ? await store.digests() : await Promise.all(prefixes.map((prefix) => store.resolve(prefix)));
    const corrupt: { digest: string; problem: string }[] = [];
    // One after the other: the files of each are hashed by all threads.
    for (const digest of new Set(digests)) {
      const problem = await store.verify(digest);
      if (problem === undefined) continue;
      corrupt.push({ digest, problem });
      output.note(`${digest} is corrupt, and in quarantine now: ${problem}`);
    }
    const verified = new Set(digests).size - corrupt.length;
    const lines = corrupt.map(({ digest, problem }) => `${shortDigest(digest)} corrupt: ${problem}`);
    output.result({ verified, corrupt }, [...lines, `${verified} verified, ${corrupt.length} corrupt`].join('\n'));
    if (corrupt.length > 0) process.exitCode = exitCodes.failed;
  });
}
