import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createArtifactFolders } from '../../../src/platform/store/artifact-folders.js';
import { createClaims } from '../../../src/platform/store/claims.js';
import { collectGarbage } from '../../../src/platform/store/collect.js';
import { storeLayout } from '../../../src/platform/store/layout.js';
import { createPins, type Pins } from '../../../src/platform/store/pins.js';
import { createPresence, type Presence } from '../../../src/platform/store/presence.js';
import { sweepStore } from '../../../src/platform/store/sweep.js';

/**
 * Collects garbage all the time, with no grace and nothing kept but what runs: only the protocol stands between it and the
 * pipelines. It dawdles where others could come in between: before it marks, after it has looked who needs what, before it
 * takes and before it moves away. Prints a line of JSON a collection. Arguments: home.
 */
const [home = ''] = process.argv.slice(2);
const dawdle = () => sleep(Math.random() * 60);

const layout = storeLayout(join(home, 'store'));
const ownPresence = createPresence(layout);
const presence: Presence = {
  ...ownPresence,
  async condemn(digest) {
    await dawdle();
    const mark = await ownPresence.condemn(digest);
    if (mark === undefined) return undefined;
    return { ...mark, take: async () => dawdle().then(mark.take) };
  },
  bury: async (digest) => dawdle().then(() => ownPresence.bury(digest)),
};
const folders = createArtifactFolders(layout, presence);
const ownPins = createPins({ layout, presence });
// Asked for when the roots have been read again.
const pins: Pins = { ...ownPins, digests: async () => dawdle().then(ownPins.digests) };
const claims = createClaims({ directory: join(home, 'claims') });
const counts = { removed: 0, spared: 0, collections: 0 };

const ask = async () => {
  const running = new Set(await readdir(join(home, 'running')));
  return { namespace: 'default', running, runningRunIds: running, deployments: [] };
};

process.stdout.write('ready\n');
for (;;) {
  const rules = { lastRuns: 0, graceMs: 0 };
  const { removed, spared } = await collectGarbage({ layout, folders, presence, pins }, { ask, rules });
  counts.removed += removed.length;
  counts.spared += spared;
  counts.collections += 1;
  if (counts.collections % 10 === 0) {
    const directories = {
      verifiedDirectory: join(home, 'cache', 'verified'),
      downloadsDirectory: join(home, 'downloads'),
      logsDirectory: join(home, 'logs'),
    };
    await sweepStore({ layout, claims, ...directories, graceMs: 2_000, recordsKeptMs: 2_000 });
  }
  process.stdout.write(`${JSON.stringify(counts)}\n`);
}
