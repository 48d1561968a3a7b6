import { Command } from 'commander';
import type { Digest } from '../../contracts/artifacts.js';
import { EnginesmithFailure } from '../../contracts/failures.js';
import type { StoreAdministration } from '../../platform/store/administration.js';
import { createOutput, type OutputOptions } from '../output.js';
import { size, withStore } from './open-store.js';

const notes = `
A bundle holds the artifacts, the actions that name them and how they were made.
It verifies itself when \`artifacts import BUNDLE\` takes it in, on a host without
a network for instance: what a pipeline has made is reused there.

Examples:
  $ npx enginesmith artifacts export smollm2-135m-fp8-155477666537 --to run.tar
  $ npx enginesmith artifacts export 3f2a9c 77be01 --to /media/usb/engines`;

export const exportCommand = (): Command =>
  new Command('export')
    .description('Writes artifacts, or all that a pipeline needed, to a directory or tar file.')
    .argument('<ids...>', 'digests, their first digits, or workflow or run ids')
    .requiredOption('--to <path>', 'new directory, or file that ends in .tar')
    .option('--json', 'print {"path","digest","artifacts","bytes"}')
    .addHelpText('after', notes)
    .action(exportArtifacts);

async function exportArtifacts(ids: string[], { to, ...options }: OutputOptions & { to: string }): Promise<void> {
  await withStore(async (store) => {
    const digests = (await Promise.all(ids.map((id) => digestsOf(store, id)))).flat();
    const { digest, artifacts } = await store.exportBundle({ digests, to });
    const bytes = artifacts.reduce((sum, artifact) => sum + artifact.bytes, 0);
    createOutput(options).result(
      { path: to, digest, artifacts, bytes },
      `${to}: ${artifacts.length} artifacts, ${size(bytes)}\nbundle ${digest}`,
    );
  });
}

/** @throws EnginesmithFailure `NotFound` */
async function digestsOf(store: StoreAdministration, id: string): Promise<Digest[]> {
  const needed = await store.neededBy(id);
  if (needed.length > 0) return needed;
  if (/^[0-9a-f]+$/i.test(id)) return [await store.resolve(id)];
  throw new EnginesmithFailure(
    'NotFound',
    `"${id}" is no digest, and no pipeline of which this store knows what it needed.`,
  );
}
