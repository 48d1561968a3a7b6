import { appendFile, chmod, cp, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createStoreAdministration } from '../../../src/platform/store/administration.js';
import { sealBundle } from '../../../src/platform/store/bundle-format.js';
import {
  commitFiles,
  entriesOf,
  keyOf,
  openStore,
  record,
  temporaryDirectory,
  visibleArtifacts,
} from './store-fixture.js';

async function openSite() {
  const opened = await openStore();
  const { home, directory } = opened;
  const administration = createStoreAdministration({ directory, cacheDirectory: join(home, 'cache') });
  onTestFinished(() => administration.close());
  return { ...opened, administration };
}

/** A store with the two artifacts of a run, and a bundle of it. */
async function exported(name: string) {
  const site = await openSite();
  const { home, store, administration } = site;
  const logPath = join(home, 'job.log');
  await writeFile(logPath, 'Building engine…\n');
  const files = { 'config.json': '{"tp":1}', 'ranks/rank0.engine': 'weights' };
  const engine = (await commitFiles(store, files, { key: keyOf('engine'), record: { ...record, logPath } })).reference;
  const other = (await commitFiles(store, { 'rank0.engine': 'other' }, { key: keyOf('other') })).reference;
  for (const [key, { digest }] of [
    ['engine', engine],
    ['other', other],
  ] as const) {
    await store.recordRoot({ runId: 'run-1', key: keyOf(key), digest, workflowId: 'chat-1' });
  }
  const to = join(await temporaryDirectory(), name);
  const bundle = await administration.exportBundle({ digests: await administration.neededBy('chat-1'), to });
  return { ...site, to, bundle, engine };
}

describe('a bundle', () => {
  test.each(['run.tar', 'run'])('in %s brings a run to a store that has nothing of it, twice', async (name) => {
    const { to, bundle, engine } = await exported(name);
    const { administration, store, directory } = await openSite();
    const imported = await administration.importBundle(to);
    expect(imported.added.sort()).toEqual(bundle.artifacts.map(({ digest }) => digest).sort());
    expect(await store.lookup(keyOf('engine'))).toEqual(engine);
    const files = await store.materialize(engine);
    expect(await readFile(join(files, 'ranks/rank0.engine'), 'utf8')).toBe('weights');
    const [kept] = await administration.records(engine.digest);
    expect(kept).toMatchObject({ step: 'build', argv: record.argv });
    expect(await readFile(kept?.log ?? '', 'utf8')).toBe('Building engine…\n');
    expect((await administration.pins.list()).map(({ note }) => note)).toEqual([
      `imported from ${name}`,
      `imported from ${name}`,
    ]);
    // Hashed when it was taken in, and not again.
    expect(store.hashingTotals().files).toBe(0);

    // As after an import that was killed between the two.
    await administration.pins.unpin(engine.digest);
    expect((await administration.importBundle(to)).added).toEqual([]);
    expect(await administration.pins.list()).toHaveLength(2);
    expect(await visibleArtifacts(directory)).toHaveLength(2);
    expect(await entriesOf(join(directory, 'staging'))).toEqual([]);
  });

  const damages: Record<string, (bundle: string, digest: string) => Promise<void>> = {
    'a flipped byte': async (bundle, digest) => {
      const path = join(bundle, 'artifacts', digest.slice(0, 2), digest, 'files/ranks/rank0.engine');
      await chmod(path, 0o644);
      await writeFile(path, 'WEIGHTS');
    },
    'a file that is missing': (bundle, digest) =>
      rm(join(bundle, 'artifacts', digest.slice(0, 2), digest, 'files/config.json')),
    'a file that was added': (bundle, digest) =>
      writeFile(join(bundle, 'artifacts', digest.slice(0, 2), digest, 'files/more'), 'more'),
    'a link': async (bundle, digest) => {
      const path = join(bundle, 'artifacts', digest.slice(0, 2), digest, 'files/config.json');
      await rm(path);
      await symlink('/etc/hostname', path);
    },
    'an altered action': async (bundle) => {
      const path = join(bundle, 'actions', keyOf('engine').slice(0, 2), `${keyOf('engine')}.json`);
      await chmod(path, 0o644);
      await appendFile(path, ' ');
    },
    'a record that is a link': async (bundle, digest) => {
      const path = join(bundle, 'records', digest, 'attempt-1', 'record.json');
      await rm(path);
      await symlink('/etc/hostname', path);
    },
    'an altered list': async (bundle) => {
      const path = join(bundle, 'bundle.json');
      await writeFile(path, (await readFile(path, 'utf8')).replace('"engine"', '"model"'));
    },
    'a path that leads out': async (bundle) => {
      const path = join(bundle, 'bundle.json');
      const { digest, ...content } = JSON.parse(await readFile(path, 'utf8'));
      content.notes.push({ path: `records/${keyOf('x')}/../../../escaped`, sha256: keyOf('y') });
      await writeFile(path, JSON.stringify(sealBundle(content)));
    },
  };
  test.each(Object.keys(damages))('with %s is refused, and nothing of it becomes visible', async (damage) => {
    const { to, engine } = await exported('run');
    await damages[damage]?.(to, engine.digest);
    const tar = `${to}-damaged.tar`;
    await execa('tar', ['--create', '--file', tar, '--directory', to, '.']);
    for (const bundle of [to, tar]) {
      const { administration, directory } = await openSite();
      await expect(administration.importBundle(bundle)).rejects.toMatchObject({ type: 'ArtifactCorrupt' });
      expect(await visibleArtifacts(directory)).toEqual([]);
      expect(await entriesOf(join(directory, 'actions'))).toEqual([]);
      expect(await entriesOf(join(directory, 'records'))).toEqual([]);
      expect(await entriesOf(join(directory, 'staging'))).toEqual([]);
    }
  });

  test('that was cut off is refused', async () => {
    const { to } = await exported('run.tar');
    const cut = `${to}-cut`;
    await writeFile(cut, (await readFile(to)).subarray(0, 3_000));
    const { administration, directory } = await openSite();
    await expect(administration.importBundle(cut)).rejects.toMatchObject({ type: 'ArtifactCorrupt' });
    expect(await visibleArtifacts(directory)).toEqual([]);
  });

  test('is not written over anything, nor of what is corrupt', async () => {
    const { to, administration, engine, directory } = await exported('run');
    const digests = [engine.digest];
    await expect(administration.exportBundle({ digests, to })).rejects.toMatchObject({ type: 'NotFound' });
    await rm(join(directory, 'artifacts', engine.digest.slice(0, 2), engine.digest, 'files', 'config.json'));
    const again = join(await temporaryDirectory(), 'again.tar');
    await expect(administration.exportBundle({ digests, to: again })).rejects.toMatchObject({
      type: 'ArtifactCorrupt',
    });
    expect(await entriesOf(join(again, '..'))).toEqual([]);
  });

  test('is told from other directories and files', async () => {
    const { administration } = await openSite();
    const empty = join(await temporaryDirectory(), 'empty');
    await mkdir(empty);
    for (const path of [empty, `${empty}/none`]) {
      await expect(administration.importBundle(path)).rejects.toMatchObject({ type: 'NotFound' });
    }
    await cp('/etc/hostname', join(empty, 'text'));
    await expect(administration.importBundle(join(empty, 'text'))).rejects.toMatchObject({ type: 'ArtifactCorrupt' });
  });
});
