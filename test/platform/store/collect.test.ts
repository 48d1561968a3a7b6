import { cp, mkdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createStoreAdministration } from '../../../src/platform/store/administration.js';
import { createClaims } from '../../../src/platform/store/claims.js';
import type { LiveUse } from '../../../src/platform/store/keep-reasons.js';
import { storeLayout } from '../../../src/platform/store/layout.js';
import { createPresence } from '../../../src/platform/store/presence.js';
import { commitFiles, entriesOf, keyOf, openStore, record, startProcess, visibleArtifacts } from './store-fixture.js';

const nothingLive: LiveUse = { namespace: 'default', running: new Set(), runningRunIds: new Set(), deployments: [] };
const strict = { lastRuns: 0, graceMs: 0 };

/** A store, whoever administers it, and an artifact a name. */
async function openShop(...names: string[]) {
  const opened = await openStore();
  const { home, directory, store } = opened;
  const administration = createStoreAdministration({ directory, cacheDirectory: join(home, 'cache') });
  onTestFinished(() => administration.close());
  const layout = storeLayout(directory);
  const put = async (name: string): Promise<string> =>
    (await commitFiles(store, { 'rank0.engine': name }, { key: keyOf(name) })).reference.digest;
  const digests: Record<string, string> = {};
  for (const name of names) digests[name] = await put(name);
  const collect = (live: Partial<LiveUse> | null = {}, rules: Partial<typeof strict> & { dryRun?: boolean } = {}) => {
    const { dryRun = false, ...changed } = rules;
    const ask = async () => (live === null ? null : { ...nothingLive, ...live });
    return administration.collect({ ask, rules: { ...strict, ...changed }, dryRun });
  };
  const left = async () => {
    const there = await visibleArtifacts(directory);
    return names.filter((name) => there.includes(digests[name] ?? ''));
  };
  return { ...opened, administration, layout, presence: createPresence(layout), digests, put, collect, left };
}

describe('garbage collection', () => {
  test('removes what nothing needs, and says why the rest stays', async () => {
    const { store, digests, collect, left, administration } = await openShop(
      ...['serves', 'earlier', 'running', 'elsewhere', 'pinned', 'garbage'],
    );
    const need = (runId: string, name: string, namespace = 'default') =>
      store.recordRoot({ runId, key: keyOf(name), digest: digests[name] ?? '', workflowId: `of-${runId}`, namespace });
    await need('run-1', 'running');
    await need('run-2', 'elsewhere', 'other-team');
    await administration.pins.pin(digests.pinned ?? '', 'for the audit');
    const live = {
      running: new Set(['of-run-1']),
      deployments: [
        { name: 'chat', revision: 7, current: true, digests: [digests.serves ?? ''] },
        { name: 'chat', revision: 6, current: false, digests: [digests.earlier ?? ''] },
      ],
    };
    const planned = await collect(live, { dryRun: true });
    expect(planned.removed.map(({ digest }) => digest)).toEqual([digests.garbage]);
    expect(await left()).toHaveLength(6);
    const { removed, reasons } = await collect(live);
    expect(removed).toEqual(planned.removed);
    expect(await left()).toEqual(['serves', 'earlier', 'running', 'elsewhere', 'pinned']);
    expect(reasons.get(digests.serves ?? '')).toEqual([
      { why: 'deployment', name: 'chat', revision: 7, current: true },
    ]);
    expect(reasons.get(digests.earlier ?? '')).toMatchObject([{ revision: 6, current: false }]);
    expect(reasons.get(digests.running ?? '')).toEqual([{ why: 'running', workflowId: 'of-run-1' }]);
    expect(reasons.get(digests.elsewhere ?? '')).toEqual([{ why: 'unknown-run', workflowId: 'of-run-2' }]);
    expect(reasons.get(digests.pinned ?? '')).toEqual([{ why: 'pin', note: 'for the audit' }]);
  });

  test('keeps the last runs of each spec, and forgets the roots of the others', async () => {
    const { store, digests, collect, left, directory } = await openShop('a1', 'a2', 'a3', 'b1');
    for (const [name, ageHours] of [
      ['a1', 3],
      ['a2', 2],
      ['a3', 1],
      ['b1', 9],
    ] as const) {
      const root = { runId: name, key: keyOf(name), digest: digests[name] ?? '', name: name.charAt(0) };
      await store.recordRoot(root);
      const at = new Date(Date.now() - ageHours * 3_600_000);
      await utimes(join(directory, 'roots', name), at, at);
    }
    await collect({}, { lastRuns: 2 });
    expect(await left()).toEqual(['a2', 'a3', 'b1']);
    expect((await entriesOf(join(directory, 'roots'))).sort()).toEqual(['a2', 'a3', 'b1']);
    await collect({}, { lastRuns: 1 });
    expect(await left()).toEqual(['a3', 'b1']);
  });

  test('keeps what was made or used within the grace time', async () => {
    const { store, digests, collect, left, layout } = await openShop('new', 'used', 'old');
    for (const name of ['used', 'old']) {
      const twoDaysAgo = new Date(Date.now() - 48 * 3_600_000);
      const folder = layout.artifact(digests[name] ?? '');
      await utimes(join(folder, 'manifest.json'), twoDaysAgo, twoDaysAgo);
    }
    await store.materialize({ digest: digests.used ?? '' });
    await collect({}, { graceMs: 24 * 3_600_000 });
    expect(await left()).toEqual(['new', 'used']);
  });

  test('reads roots of earlier releases, which name no digest', async () => {
    const { digests, collect, left, directory } = await openShop('old-root', 'garbage');
    await mkdir(join(directory, 'roots', 'run-1'), { recursive: true });
    const root = { schema: 'enginesmith/root/v1', runId: 'run-1', key: keyOf('old-root'), digest: digests['old-root'] };
    await writeFile(join(directory, 'roots', 'run-1', `${root.key}.json`), JSON.stringify(root));
    await collect({ runningRunIds: new Set(['run-1']) });
    expect(await left()).toEqual(['old-root']);
  });

  test('leaves what came to be needed after the question was asked', async () => {
    const { store, digests, administration, left, put } = await openShop('late', 'garbage');
    const digest = digests.late ?? '';
    const ask = async () => {
      await store.recordRoot({ runId: 'just-started', key: keyOf('late'), digest });
      await put('made meanwhile');
      return nothingLive;
    };
    await administration.collect({ ask, rules: strict });
    expect(await left()).toEqual(['late']);
  });
});

test('garbage is collected where no file can be written any more', async () => {
  const { home, directory, left } = await openShop('garbage');
  const script = fileURLToPath(new URL('./collect-on-full-disk.process.ts', import.meta.url));
  // No file may have a byte: as on a full disk, names can still be given.
  const { stdout } = await execa(
    'bash',
    [
      '-c',
      'ulimit -f 0; exec "$@"',
      'bash',
      process.execPath,
      '--import',
      'tsx',
      script,
      directory,
      join(home, 'cache'),
    ],
    { env: { TSX_DISABLE_CACHE: '1' } },
  );
  expect(stdout).toBe('1');
  expect(await left()).toEqual([]);
  expect(await entriesOf(join(directory, 'trash'))).toEqual([]);
});

describe('an artifact that a collector has marked', () => {
  test('stays when somebody holds it before it is taken', async () => {
    const { store, digests, presence } = await openShop('engine');
    const digest = digests.engine ?? '';
    const mark = await presence.condemn(digest);
    expect(await store.recordRoot({ runId: 'run', key: keyOf('engine'), digest })).toBe(true);
    expect(await mark?.take()).toBe(false);
    expect(await store.lookup(keyOf('engine'))).toMatchObject({ digest });
  });

  test('is taken by one collector only', async () => {
    const { digests, presence } = await openShop('engine');
    const marks = await Promise.all([1, 2, 3].map(() => presence.condemn(digests.engine ?? '')));
    const taken = await Promise.all(marks.map((mark) => mark?.take()));
    expect(taken.filter((each) => each)).toHaveLength(1);
  });

  test('is missing once it is taken, and a commit waits until it is out of the way', async () => {
    const { store, digests, presence, put } = await openShop('engine');
    const digest = digests.engine ?? '';
    await (await presence.condemn(digest))?.take();
    expect(await store.lookup(keyOf('engine'))).toBeUndefined();
    expect(await store.recordRoot({ runId: 'run', key: keyOf('engine'), digest })).toBe(false);
    await expect(store.materialize({ digest })).rejects.toMatchObject({ type: 'ArtifactCorrupt' });
    const again = put('engine');
    await presence.bury(digest);
    expect(await again).toBe(digest);
    expect(await store.recordRoot({ runId: 'run', key: keyOf('engine'), digest })).toBe(true);
  });

  test('is made anew after its collector was killed', async () => {
    const { store, digests, directory, put, collect } = await openShop('engine');
    const digest = digests.engine ?? '';
    const { child } = await startProcess('./taker.process.ts', directory, digest);
    await child;
    expect(await store.lookup(keyOf('engine'))).toBeUndefined();
    expect(await put('engine')).toBe(digest);
    expect(await readFile(join(await store.materialize({ digest }), 'rank0.engine'), 'utf8')).toBe('engine');
    await collect();
    expect(await entriesOf(join(directory, 'trash'))).toEqual([]);
  });

  test('is removed by the next collection after its collector was killed', async () => {
    const { digests, directory, collect } = await openShop('engine');
    const { child } = await startProcess('./taker.process.ts', directory, digests.engine ?? '');
    await child;
    expect(await visibleArtifacts(directory)).toHaveLength(1);
    await collect();
    expect(await visibleArtifacts(directory)).toEqual([]);
    expect(await entriesOf(join(directory, 'trash'))).toEqual([]);
  });

  test('that was moved away by mistake comes back, and what a killed removal left does not', async () => {
    const { store, digests, layout, presence } = await openShop('new', 'half');
    await mkdir(layout.trash, { recursive: true });
    const [mistaken = '', half = ''] = [digests.new, digests.half];
    await rename(layout.artifact(mistaken), join(layout.trash, `${mistaken}-aa`));
    await rename(layout.artifact(half), join(layout.trash, `${half}-bb`));
    await rm(join(layout.trash, `${half}-bb`, 'manifest.json'));
    await presence.sweep([]);
    expect(await entriesOf(layout.trash)).toEqual([]);
    expect(await store.lookup(keyOf('new'))).toMatchObject({ digest: mistaken });
    expect(await store.lookup(keyOf('half'))).toBeUndefined();
  });
});

test('what belonged to collected artifacts goes after them: entries, logs, stamps, partial downloads', async () => {
  const { home, store, administration, layout, collect, directory } = await openShop('kept');
  const logPath = join(home, 'job.log');
  await writeFile(logPath, 'Building engine…\n');
  const committed = { key: keyOf('gone'), record: { ...record, logPath } };
  const { digest } = (await commitFiles(store, { 'rank0.engine': 'gone' }, committed)).reference;
  const downloads = join(home, 'downloads');
  const partials = { made: keyOf('kept'), claimed: keyOf('claimed'), fresh: keyOf('fresh'), remade: keyOf('remade') };
  await commitFiles(store, { 'rank0.engine': 'remade' }, { key: partials.remade });
  for (const key of Object.values(partials)) await mkdir(join(downloads, key, 'files'), { recursive: true });
  const [monthAgo, twoMonthsAgo] = [29, 60].map((days) => new Date(Date.now() - days * 24 * 3_600_000)) as [Date, Date];
  await utimes(join(downloads, partials.claimed), monthAgo, monthAgo);
  for (const part of ['', 'files']) await utimes(join(downloads, partials.made, part), monthAgo, monthAgo);
  const logsDirectory = join(home, 'logs');
  for (const [run, at] of [
    ['old-run', twoMonthsAgo],
    ['new-run', monthAgo],
  ] as const) {
    await mkdir(join(logsDirectory, run), { recursive: true });
    await utimes(join(logsDirectory, run), at, at);
  }
  const claims = createClaims({ directory: join(home, 'claims') });
  await claims.claim({ key: partials.claimed, owner: 'a worker', ttlMs: 60_000 });
  const { kept } = await collect({}, { lastRuns: 0 });
  expect(kept).toEqual([]);
  await commitFiles(store, { 'rank0.engine': 'kept' }, { key: keyOf('kept') });
  await commitFiles(store, { 'rank0.engine': 'remade' }, { key: partials.remade });
  // Something of it came after the artifact: a download that makes it anew.
  await writeFile(join(downloads, partials.remade, 'files/half'), 'half');

  const sweep = (graceMs: number, recordsKeptMs?: number) =>
    administration.sweep({ claims, downloadsDirectory: downloads, logsDirectory, graceMs, recordsKeptMs });
  expect(await sweep(60_000)).toMatchObject({ actions: 0, logs: 0, stamps: 0, partialDownloads: 1, runLogs: 1 });
  expect(await entriesOf(logsDirectory)).toEqual(['new-run']);
  expect(await sweep(-1)).toMatchObject({ actions: 0, logs: 1, records: 0, stamps: 1, partialDownloads: 0 });
  expect(await administration.records(digest)).toMatchObject([{ step: 'build', log: null }]);
  expect(await sweep(-1, -1)).toMatchObject({ actions: 1, records: 1 });
  expect((await entriesOf(downloads)).sort()).toEqual([partials.claimed, partials.fresh, partials.remade].sort());
  expect(await store.lookup(keyOf('kept'))).toBeDefined();
  await expect(stat(layout.action(keyOf('gone')))).rejects.toMatchObject({ code: 'ENOENT' });
  expect(await entriesOf(join(directory, 'staging'))).toEqual([]);
});

describe('administration', () => {
  test('finds a digest by its first digits, as long as they name one', async () => {
    const { administration, digests, layout } = await openShop('engine');
    const digest = digests.engine ?? '';
    expect(await administration.resolve(digest.slice(0, 6).toUpperCase())).toBe(digest);
    const twin = `${digest.slice(0, 60)}${digest.endsWith('0000') ? '1111' : '0000'}`;
    await cp(layout.artifact(digest), layout.artifact(twin), { recursive: true });
    const ambiguous = administration.resolve(digest.slice(0, 8));
    await expect(ambiguous).rejects.toMatchObject({ type: 'NotFound', context: { candidates: 2 } });
    await expect(ambiguous).rejects.toThrow(`${digest} engine`);
    expect(await administration.resolve(digest)).toBe(digest);
    for (const prefix of ['abc', 'xyzw', '../..', `${digest}0`]) {
      await expect(administration.resolve(prefix)).rejects.toMatchObject({ type: 'NotFound' });
    }
  });

  test('reads every byte again, whatever was seen before, and puts what is wrong into quarantine', async () => {
    const { administration, store, digests, layout, directory } = await openShop('whole', 'altered');
    const [whole = '', altered = ''] = [digests.whole, digests.altered];
    await store.materialize({ digest: altered });
    const path = join(layout.artifact(altered), 'files', 'rank0.engine');
    const { atime, mtime } = await stat(path);
    await writeFile(`${path}.new`, 'ALTERED');
    await cp(`${path}.new`, path, { force: true });
    await rename(`${path}.new`, join(layout.artifact(altered), 'aside'));
    await utimes(path, atime, mtime);
    expect(await administration.verify(whole)).toBeUndefined();
    expect(await administration.verify(altered)).toContain('"rank0.engine"');
    expect(await entriesOf(join(directory, 'quarantine'))).toHaveLength(1);
    expect(await store.lookup(keyOf('altered'))).toBeUndefined();
  });

  test('finds no damage in what was collected meanwhile', async () => {
    const { administration, digests, layout, directory } = await openShop('collected');
    const digest = digests.collected ?? '';
    await rm(layout.artifact(digest), { recursive: true });
    expect(await administration.verify(digest)).toBeUndefined();
    expect(await entriesOf(join(directory, 'quarantine'))).toEqual([]);
  });

  test('pins only what is there', async () => {
    const { administration, digests } = await openShop('engine');
    const digest = digests.engine ?? '';
    await administration.pins.pin(digest, 'once');
    await administration.pins.pin(digest, 'twice');
    expect(await administration.pins.list()).toMatchObject([{ digest, note: 'twice' }]);
    await expect(administration.pins.pin(keyOf('nothing'), 'why')).rejects.toMatchObject({ type: 'NotFound' });
    expect([await administration.pins.unpin(digest), await administration.pins.unpin(digest)]).toEqual([true, false]);
    expect(await administration.pins.list()).toEqual([]);
  });
});
