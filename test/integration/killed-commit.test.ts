import { watch } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  commitFiles,
  entriesOf,
  keyOf,
  manyFiles,
  openStore,
  startProcess,
  visibleArtifacts,
} from '../platform/store/store-fixture.js';

type Store = Awaited<ReturnType<typeof openStore>>['store'];

/** All that can be seen is whole: every artifact hashes to its manifest, every hit leads to one that has its record. */
async function expectOnlyWholeArtifacts(directory: string, store: Store, keys: readonly string[]): Promise<void> {
  for (const digest of await visibleArtifacts(directory)) await store.materialize({ digest });
  for (const key of keys) {
    const hit = await store.lookup(key);
    if (hit === undefined) continue;
    expect(await visibleArtifacts(directory)).toContain(hit.digest);
    const path = join(directory, 'records', hit.digest, 'attempt-1', 'record.json');
    expect(JSON.parse(await readFile(path, 'utf8'))).toMatchObject({ key });
  }
  expect(await entriesOf(join(directory, 'quarantine'))).toEqual([]);
}

describe('a commit that is killed', () => {
  // A folder whose next change gives the moment, or milliseconds after the commit began, or death by its own hand.
  const moments = ['staging', 'artifacts', 'artifacts', 'records', 'actions', 2, 15, 40, 'itself', 'itself'] as const;

  test('leaves nothing that can be seen or all of it; the rest is swept, and another attempt succeeds', async () => {
    const { home, directory, store } = await openStore();
    for (const folder of ['staging', 'artifacts', 'records', 'actions']) {
      await mkdir(join(directory, folder), { recursive: true });
    }
    const labels = moments.map((moment, index) => `${moment} ${index}`);
    let killed = 0;
    let misses = 0;
    for (const [index, moment] of moments.entries()) {
      const label = labels[index] ?? '';
      const fate = moment === 'itself' ? 'kill' : 'live';
      const { child, go } = await startProcess('./commit.process.ts', directory, join(home, 'child'), label, fate);
      const kill = () => child.kill('SIGKILL');
      const watcher =
        typeof moment === 'string' && moment !== 'itself'
          ? watch(join(directory, moment), { recursive: moment === 'staging' }, kill)
          : undefined;
      go();
      if (typeof moment === 'number') setTimeout(kill, moment);
      if ((await child).signal === 'SIGKILL') killed += 1;
      watcher?.close();
      await expectOnlyWholeArtifacts(directory, store, labels.map(keyOf));
      if ((await store.lookup(keyOf(label))) === undefined) misses += 1;
    }
    // The last of the moments may come too late to interrupt anything.
    expect(killed).toBeGreaterThanOrEqual(6);
    expect(misses).toBeGreaterThanOrEqual(5);

    expect((await store.sweepStaging()).length).toBeGreaterThanOrEqual(2);
    expect(await entriesOf(join(directory, 'staging'))).toEqual([]);
    for (const label of labels) {
      const { reference } = await commitFiles(store, manyFiles(label), { key: keyOf(label) });
      expect(await store.lookup(keyOf(label))).toEqual(reference);
    }
    await expectOnlyWholeArtifacts(directory, store, labels.map(keyOf));
  });
});

test('two processes that commit one key at once agree on one artifact', async () => {
  const { home, directory, store } = await openStore();
  const racers = await Promise.all(
    [1, 2].map(() => startProcess('./commit.process.ts', directory, join(home, 'child'), 'race')),
  );
  for (const { go } of racers) go();
  const ended = await Promise.all(racers.map(({ child }) => child));
  const results = ended.map(({ stdout }) => JSON.parse(stdout.split('\n').at(-1) ?? ''));
  const reference = await store.lookup(keyOf('race'));
  expect(results.map((result) => result.reference)).toEqual([reference, reference]);
  expect(results.map((result) => result.adopted).sort()).toEqual([false, true]);
  expect(await visibleArtifacts(directory)).toEqual([reference?.digest]);
  expect(await entriesOf(join(directory, 'staging'))).toEqual([]);
});

test('a sweep leaves alone what belongs to a living process, to another host, or to another process namespace', async () => {
  const { directory, store } = await openStore();
  const mine = await store.stage('engine');
  const name = (await entriesOf(join(directory, 'staging')))[0] ?? '';
  const [, pid = '', startTime = '', bootId = '', namespace = ''] = name.split('_');
  const staging = (...parts: string[]) => parts.join('_');
  const others = [
    staging('elsewhere', pid, '1', bootId, namespace, 'aa'),
    staging(hostname(), pid, '1', bootId, `${namespace}0`, 'aa'),
  ];
  const abandoned = [
    staging(hostname(), pid, `${startTime}0`, bootId, namespace, 'bb'),
    staging(hostname(), pid, startTime, '00000000-0000-0000-0000-000000000000', `${namespace}0`, 'bb'),
  ];
  for (const folder of [...others, ...abandoned]) await mkdir(join(directory, 'staging', folder));
  expect((await store.sweepStaging()).sort()).toEqual([...abandoned].sort());
  expect((await entriesOf(join(directory, 'staging'))).sort()).toEqual([name, ...others].sort());
  await mine.discard();
});
