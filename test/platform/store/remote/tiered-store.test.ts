import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { commitFiles, entriesOf, keyOf, record, visibleArtifacts, writeFiles } from '../store-fixture.js';
import { openBucket } from './remote-fixture.js';

const files = { 'config.json': '{"tp":2}', 'ranks/rank0.engine': 'weights of rank 0', 'ranks/rank1.engine': '' };
const key = keyOf('engine');
const unavailable = { type: 'RemoteStoreUnavailable', retryable: true };

const contentOf = async (directory: string): Promise<Record<string, string>> =>
  Object.fromEntries(
    await Promise.all(Object.keys(files).map(async (path) => [path, await readFile(join(directory, path), 'utf8')])),
  );

test('what one host has made another one finds, verified, and read-only', async () => {
  const { openHost } = await openBucket();
  const [maker, user] = [await openHost(), await openHost()];
  const { reference } = await commitFiles(maker.store, files);
  expect(await user.store.lookup(key)).toEqual(reference);
  expect((await user.store.describe(reference.digest))?.manifest.files.map(({ path }) => path)).toEqual(
    Object.keys(files),
  );
  const directory = await user.store.materialize(reference);
  expect(directory.startsWith(user.directory)).toBe(true);
  expect(await contentOf(directory)).toEqual(files);
  expect((await stat(join(directory, 'config.json'))).mode & 0o222).toBe(0);
  expect(await entriesOf(join(user.directory, 'staging'))).toEqual([]);
  expect(await entriesOf(join(user.home, 'cache/remote'))).toEqual([]);
});

test('a run of another host may root an artifact that is not on its host, and one that is nowhere not', async () => {
  const { openHost } = await openBucket();
  const [maker, user] = [await openHost(), await openHost()];
  const { digest } = (await commitFiles(maker.store, files)).reference;
  const root = { runId: 'r', workflowId: 'w', namespace: 'n', name: 's', key, digest };
  expect(await user.store.recordRoot(root)).toBe(true);
  expect(await user.store.recordRoot({ ...root, digest: keyOf('nothing') })).toBe(false);
});

test('of two hosts that make different content for one key, both go on with that of the first', async () => {
  const { openHost } = await openBucket();
  const [first, second] = [await openHost(), await openHost()];
  // Both have looked, and found nothing.
  expect(await second.store.lookup(key)).toBeUndefined();
  const { reference } = await commitFiles(first.store, files);
  const other = await commitFiles(second.store, { ...files, 'config.json': '{"tp":2, "seed":7}' });
  expect(other).toMatchObject({ reference, conflict: { kept: reference.digest } });
  expect(other.conflict?.committed).not.toBe(reference.digest);
  for (const { store } of [first, second]) expect(await store.lookup(key)).toEqual(reference);
  expect(await contentOf(await second.store.materialize(other.reference))).toEqual(files);
});

test('a remake takes the place of what the key named, for every host', async () => {
  const { openHost } = await openBucket();
  const [maker, user] = [await openHost(), await openHost()];
  await commitFiles(maker.store, files);
  expect(await maker.store.lookup(key, 'again')).toBeUndefined();
  const remade = await commitFiles(maker.store, { ...files, 'config.json': '{"tp":4}' }, { remake: 'again' });
  expect(remade.conflict).toBeUndefined();
  expect(await user.store.lookup(key)).toEqual(remade.reference);
  expect(await user.store.lookup(key, 'again')).toEqual(remade.reference);
});

test('every host learns when an action was made, though none answers', async () => {
  const { openHost } = await openBucket();
  const [maker, user] = [await openHost(), await openHost()];
  const { reference } = await commitFiles(maker.store, files);
  const { digest, madeAt = '' } = (await user.store.readAction(key)) ?? {};
  expect(digest).toBe(reference.digest);
  expect(Math.abs(Date.now() - Date.parse(madeAt))).toBeLessThan(60_000);
  user.proxy.become('refuse');
  expect(await user.store.readAction(key)).toBeUndefined();
});

test('files of several parts arrive whole', async () => {
  const { openHost, objects } = await openBucket();
  const [maker, user] = [await openHost(), await openHost()];
  const weights = randomBytes(20 * 1024 * 1024 + 7).toString('latin1');
  const staging = await maker.store.stage('engine');
  await writeFile(join(staging.directory, 'rank0.engine'), weights, 'latin1');
  const { reference } = await staging.commit({ key, record: record });
  expect(maker.proxy.requests.filter((line) => /^PUT .*partNumber=/.test(line)).length).toBeGreaterThan(1);
  const directory = await user.store.materialize(reference);
  expect((await readFile(join(directory, 'rank0.engine'), 'latin1')) === weights).toBe(true);
  expect(await objects.list('artifacts/')).toHaveLength(2);
});

test('a server that fails in the middle of an upload makes nothing visible, and loses nothing', async () => {
  const { openHost, objects } = await openBucket();
  const [maker, user] = [await openHost(), await openHost()];
  maker.proxy.become({ fail: 500, when: /PUT \S+rank0/ });
  await expect(commitFiles(maker.store, files)).rejects.toMatchObject(unavailable);
  expect(await user.store.lookup(key)).toBeUndefined();
  expect((await objects.list('')).filter((name) => /manifest|actions/.test(name))).toEqual([]);
  // Nobody builds on what others cannot find; what was made is there all the same.
  maker.proxy.become('fair');
  const [committed] = await visibleArtifacts(maker.directory);
  const restarted = await maker.reopen();
  expect(await restarted.lookup(key)).toBeUndefined();
  const sent = maker.proxy.requests.length;
  expect(await restarted.finishCommit(key)).toMatchObject({ digest: committed });
  expect(await user.store.lookup(key)).toMatchObject({ digest: committed });
  // What had arrived was not sent again.
  const again = maker.proxy.requests.slice(sent);
  expect(again.filter((line) => line.startsWith('PUT') && line.includes('rank0'))).toHaveLength(1);
  expect(again.filter((line) => line.startsWith('PUT') && line.includes('config.json'))).toHaveLength(0);
});

test('an outage leaves what is here to be read, and refuses what is not, for now', async () => {
  const { openHost } = await openBucket();
  const [maker, user] = [await openHost(), await openHost()];
  const { reference } = await commitFiles(maker.store, files);
  for (const { proxy } of [maker, user]) proxy.become('refuse');
  expect(await maker.store.lookup(key)).toEqual(reference);
  expect(await contentOf(await maker.store.materialize(reference))).toEqual(files);
  expect(
    await maker.store.recordRoot({ runId: 'r', workflowId: 'w', namespace: 'n', name: 's', key, ...reference }),
  ).toBe(true);
  await expect(user.store.lookup(key)).rejects.toMatchObject(unavailable);
  await expect(user.store.materialize(reference)).rejects.toMatchObject(unavailable);
  await expect(commitFiles(maker.store, { a: 'b' }, { key: keyOf('b') })).rejects.toMatchObject(unavailable);
  for (const { proxy } of [maker, user]) proxy.become('fair');
  expect(await contentOf(await user.store.materialize(reference))).toEqual(files);
  expect(await maker.store.finishCommit(keyOf('b'))).toMatchObject({ bytes: 1 });
}, 120_000);

test('a download that is cut goes on where it was cut', async () => {
  const { openHost } = await openBucket();
  const [maker, user] = [await openHost(), await openHost()];
  const weights = randomBytes(3 * 1024 * 1024);
  const staging = await maker.store.stage('engine');
  await writeFile(join(staging.directory, 'rank0.engine'), weights);
  const { reference } = await staging.commit({ key, record: record });
  user.proxy.become({ cutAfterBytes: 1024 * 1024 });
  const directory = await user.store.materialize(reference);
  expect(Buffer.compare(await readFile(join(directory, 'rank0.engine')), weights)).toBe(0);
  expect(user.proxy.requests.filter((line) => line.includes('rank0.engine')).length).toBeGreaterThan(2);
});

test('files that an earlier process has brought are not downloaded again, nor believed', async () => {
  const { openHost } = await openBucket();
  const [maker, user] = [await openHost(), await openHost()];
  const { reference } = await commitFiles(maker.store, files);
  const left = join(user.home, 'cache/remote', reference.digest, 'files');
  await mkdir(dirname(join(left, 'ranks/rank0.engine')), { recursive: true });
  await writeFiles(left, { 'config.json': files['config.json'] });
  await user.store.materialize(reference);
  expect(user.proxy.requests.filter((line) => line.includes('config.json'))).toEqual([]);

  const third = await openHost();
  const damaged = join(third.home, 'cache/remote', reference.digest, 'files');
  await mkdir(damaged, { recursive: true });
  await writeFiles(damaged, { 'config.json': '{"tp":3}' });
  await expect(third.store.materialize(reference)).rejects.toMatchObject({ type: 'ArtifactCorrupt' });
  expect(await visibleArtifacts(third.directory)).toEqual([]);
  expect(await contentOf(await third.store.materialize(reference))).toEqual(files);
});

test('an object that was damaged is found on arrival, named, and made again by whoever makes it', async () => {
  const { openHost, objects } = await openBucket();
  const [maker, user] = [await openHost(), await openHost()];
  const { reference } = await commitFiles(maker.store, files);
  await objects.write(`artifacts/${reference.digest}/files/ranks/rank0.engine`, 'weights of rank X');
  await expect(user.store.materialize(reference)).rejects.toMatchObject({
    type: 'ArtifactCorrupt',
    context: { digest: reference.digest, file: 'ranks/rank0.engine' },
  });
  expect(await visibleArtifacts(user.directory)).toEqual([]);
  expect(await user.store.lookup(key)).toBeUndefined();
  expect((await commitFiles(user.store, files)).reference).toEqual(reference);
  const third = await openHost();
  expect(await contentOf(await third.store.materialize(reference))).toEqual(files);
});

test('an artifact that is damaged on this host is brought again', async () => {
  const { openHost } = await openBucket();
  const { store, directory } = await openHost();
  const { reference } = await commitFiles(store, files);
  const file = join(await store.materialize(reference), 'config.json');
  await chmod(file, 0o644);
  await writeFile(file, '{"tp":3}');
  expect(await contentOf(await store.materialize(reference))).toEqual(files);
  await rm(join(directory, 'artifacts'), { recursive: true });
  expect(await contentOf(await store.materialize(reference))).toEqual(files);
});

test('what is stated of an artifact is found by every host, and stays here', async () => {
  const { openHost } = await openBucket();
  const [maker, user] = [await openHost(), await openHost()];
  const attest = () => ({ name: 'attempt/1', text: '{"made":"so"}' });
  const { digest } = (await commitFiles(maker.store, files, { attest })).reference;
  await maker.store.attest(digest, { name: 'gate', text: '{"gate":"passed"}' });
  const stated = [
    { name: 'attempt/1', text: '{"made":"so"}' },
    { name: 'gate', text: '{"gate":"passed"}' },
  ];
  expect(await user.store.attestations(digest)).toEqual(stated);
  user.proxy.become('refuse');
  expect(await user.store.attestations(digest)).toEqual(stated);
});
