import { createStoreAdministration } from '../../../src/platform/store/administration.js';

/** Collects everything, and prints what was removed. Arguments: store, cache. */
const [directory = '', cacheDirectory = ''] = process.argv.slice(2);
const store = createStoreAdministration({ directory, cacheDirectory });
const ask = async () => ({
  namespace: 'default',
  running: new Set<string>(),
  runningRunIds: new Set<string>(),
  deployments: [],
});
const { removed } = await store.collect({ ask, rules: { lastRuns: 0, graceMs: 0 } });
process.stdout.write(`${removed.length}\n`);
await store.close();
