import { chmod, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createArtifactStore } from '../../src/platform/store/artifact-store.js';
import { commitFiles, keyOf, record } from '../platform/store/store-fixture.js';
import { enginesmith, temporaryDirectory } from './cli-fixture.js';

/** A home with two artifacts, and nobody who could be asked what runs. */
async function openHome(variables: Record<string, string> = {}) {
  const home = await temporaryDirectory();
  const store = createArtifactStore({ directory: join(home, 'store'), cacheDirectory: join(home, 'cache') });
  onTestFinished(() => store.close());
  const put = async (name: string) =>
    (
      await commitFiles(
        store,
        { 'rank0.engine': name },
        { key: keyOf(name), record: { ...record, model: 'Qwen/Qwen2-7B@0123456789ab' } },
      )
    ).reference.digest;
  const digests = [await put('one'), await put('two')] as const;
  const environment = {
    ENGINESMITH_HOME: home,
    ENGINESMITH_CACHE: join(home, 'cache'),
    TEMPORAL_ADDRESS: '127.0.0.1:9',
    ...variables,
  };
  const artifacts = (...args: string[]) => enginesmith(['artifacts', ...args], environment);
  const visible = async () => (await readdir(join(home, 'store', 'artifacts'), { recursive: true })).join('\n');
  return { home, store, digests, artifacts, visible };
}

test('lists what is there, what made it and why it is kept, also when no server answers', async () => {
  const { digests, artifacts } = await openHome();
  const [one] = digests;
  expect((await artifacts('pin', one.slice(0, 10), '--note', 'for the audit')).exitCode).toBe(0);
  const { exitCode, stdout, stderr } = await artifacts('list', '--json');
  expect(exitCode).toBe(0);
  expect(stderr).toContain('What runs and serves is not known. No Temporal server answers');
  const listed = JSON.parse(stdout);
  expect(listed).toMatchObject({ bytes: 6, deploymentsKnown: false });
  expect(listed.artifacts.find(({ digest }: { digest: string }) => digest === one)).toMatchObject({
    ...{ kind: 'engine', bytes: 3, step: 'build', model: 'Qwen/Qwen2-7B@0123456789ab' },
    keptBy: [{ why: 'pin', note: 'for the audit' }, { why: 'recent' }],
  });
  const table = (await artifacts('list')).stdout;
  expect(table).toMatch(
    new RegExp(
      `${one.slice(0, 12)} +engine +3 B +build .*\\n {2}of Qwen/Qwen2-7B@0123456789ab; .*pinned: for the audit`,
    ),
  );
  expect(Math.max(...table.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
  expect(table).toContain('2 artifacts, 6 B');
});

test('shows the files, the actions that name it and how it was made', async () => {
  const { digests, artifacts } = await openHome();
  const { stdout } = await artifacts('show', digests[0].slice(0, 8));
  for (const part of [
    'engine, 3 B in 1 file',
    'rank0.engine',
    keyOf('one'),
    '$ trtllm-build --output_dir /somewhere',
    'on builder',
  ]) {
    expect(stdout).toContain(part);
  }
  const json = JSON.parse((await artifacts('show', digests[0], '--json')).stdout);
  expect(json).toMatchObject({
    digest: digests[0],
    actions: [keyOf('one')],
    records: [{ step: 'build', host: 'builder' }],
  });
  expect((await artifacts('show', '0000')).exitCode).toBe(2);
});

test('collects nothing of an embedded environment that does not run, whatever server listens where others usually do', async () => {
  const profiles = join(await temporaryDirectory(), 'temporal.toml');
  await writeFile(profiles, '[profile.default]\naddress = "127.0.0.1:9"\n');
  const variables = { TEMPORAL_ADDRESS: '', TEMPORAL_CONFIG_FILE: profiles };
  const { home, digests, artifacts, visible } = await openHome(variables);
  await writeFile(join(home, 'temporal.db'), '');
  const refused = await artifacts('gc');
  expect(refused.exitCode).toBe(4);
  expect(refused.stderr.replaceAll(/\s+/g, ' ')).toContain(`The embedded environment of ${home} does not run`);
  for (const digest of digests) expect(await visible()).toContain(digest);
});

test('collects nothing where it is not known what runs, unless the risk is named', async () => {
  const { digests, artifacts, visible } = await openHome();
  const refused = await artifacts('gc');
  expect(refused.exitCode).toBe(4);
  expect(refused.stderr).toContain('Nothing was removed');
  expect(refused.stderr).toContain('--assume-nothing-runs');
  // Made a moment ago: the grace time keeps both.
  const kept = await artifacts('gc', '--assume-nothing-runs', '--json');
  expect(JSON.parse(kept.stdout)).toMatchObject({ removed: [], kept: [{ bytes: 3 }, { bytes: 3 }] });
  for (const digest of digests) expect(await visible()).toContain(digest);
  expect((await artifacts('gc', '--grace-hours', '0')).exitCode).toBe(2);
});

test('names what is corrupt, and exits 4', async () => {
  const { home, digests, artifacts } = await openHome();
  const [one, two] = digests;
  const path = join(home, 'store', 'artifacts', one.slice(0, 2), one, 'files', 'rank0.engine');
  await chmod(path, 0o644);
  await writeFile(path, 'ONE');
  const { exitCode, stdout } = await artifacts('verify', '--all', '--json');
  expect({ exitCode, ...JSON.parse(stdout) }).toMatchObject({ exitCode: 4, verified: 1, corrupt: [{ digest: one }] });
  expect(await artifacts('verify', two)).toMatchObject({ exitCode: 0, stdout: '1 verified, 0 corrupt' });
  expect((await artifacts('verify')).exitCode).toBe(2);
});

test('pins with a reason only, and lets go again', async () => {
  const { digests, artifacts } = await openHome();
  expect((await artifacts('pin', digests[0])).exitCode).toBe(2);
  expect((await artifacts('pin', ...digests, '--note', 'both')).exitCode).toBe(0);
  const { stdout } = await artifacts('unpin', digests[1], '--json');
  expect(JSON.parse(stdout)).toEqual({ unpinned: [digests[1]], notPinned: [] });
  expect((await artifacts('unpin', digests[1])).stdout).toContain('was not pinned');
});

test('brings artifacts to another store as a bundle', async () => {
  const { digests, artifacts } = await openHome();
  const bundle = join(await temporaryDirectory(), 'engines.tar');
  const exported = await artifacts('export', digests[0].slice(0, 10), digests[1], '--to', bundle, '--json');
  expect(JSON.parse(exported.stdout)).toMatchObject({
    bytes: 6,
    artifacts: [{ digest: digests[0] }, { digest: digests[1] }],
  });
  const home = await temporaryDirectory();
  const imported = await enginesmith(['artifacts', 'import', bundle], { ENGINESMITH_HOME: home });
  expect(imported).toMatchObject({ exitCode: 0, stdout: 'Imported 2 of 2 artifacts.' });
  expect((await artifacts('export', 'no-such-run', '--to', `${bundle}2`)).exitCode).toBe(2);
  expect((await artifacts('import', 'engine')).exitCode).toBe(2);
});
