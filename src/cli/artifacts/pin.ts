import { Command } from 'commander';
import { createOutput, type OutputOptions } from '../output.js';
import { shortDigest, withStore } from './open-store.js';

export const pinCommand = (): Command =>
  new Command('pin')
    .description('Keeps artifacts from garbage collection until they are unpinned.')
    .argument('<digests...>', 'digests, or the first digits of them')
    .requiredOption('--note <text>', 'why, for whoever finds the pin')
    .option('--json', 'print {"pinned"}')
    .addHelpText('after', '\nExamples:\n  $ npx enginesmith artifacts pin 3f2a9c --note "baseline of 2026"')
    .action(pin);

export const unpinCommand = (): Command =>
  new Command('unpin')
    .description('Lets artifacts go with the next garbage collection, unless they are needed.')
    .argument('<digests...>', 'digests, or the first digits of them')
    .option('--json', 'print {"unpinned","notPinned"}')
    .addHelpText('after', '\nExamples:\n  $ npx enginesmith artifacts unpin 3f2a9c')
    .action(unpin);

async function pin(prefixes: string[], { note, ...options }: OutputOptions & { note: string }): Promise<void> {
  await withStore(async (store) => {
    const digests = await Promise.all(prefixes.map((prefix) => store.resolve(prefix)));
    for (const digest of digests) await store.pins.pin(digest, note);
    createOutput(options).result(
      { pinned: digests },
      digests.map((digest) => `pinned ${shortDigest(digest)}`).join('\n'),
    );
  });
}

async function unpin(prefixes: string[], options: OutputOptions): Promise<void> {
  await withStore(async (store) => {
    const digests = await Promise.all(prefixes.map((prefix) => store.resolve(prefix)));
    const unpinned: string[] = [];
    for (const digest of digests) if (await store.pins.unpin(digest)) unpinned.push(digest);
    const notPinned = digests.filter((digest) => !unpinned.includes(digest));
    const lines = [
      ...unpinned.map((digest) => `unpinned ${shortDigest(digest)}`),
      ...notPinned.map((digest) => `${shortDigest(digest)} was not pinned`),
    ];
    createOutput(options).result({ unpinned, notPinned }, lines.join('\n'));
  });
}
