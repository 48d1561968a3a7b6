import { once } from 'node:events';
import { createArtifactStore } from '../../../src/platform/store/artifact-store.js';
import { commitFiles, keyOf, manyFiles } from './store-fixture.js';

/**
 * Commits one artifact in a process of its own, when told to by a line on stdin; prints the result.
 * Arguments: store, cache, a label that names key and content, and `kill` to die where the artifact would become visible.
 */
const [directory = '', cacheDirectory = '', label = '', fate] = process.argv.slice(2);
const store = createArtifactStore({ directory, cacheDirectory });
process.stdout.write('ready\n');
await once(process.stdin, 'data');
const assertClaim = async () => {
  if (fate === 'kill') process.kill(process.pid, 'SIGKILL');
};
const result = await commitFiles(store, manyFiles(label), { key: keyOf(label), assertClaim });
process.stdout.write(`${JSON.stringify(result)}\n`);
process.stdin.destroy();
await store.close();
