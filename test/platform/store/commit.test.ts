import { once } from 'node:events';
import { mkdir, mkdtemp, open, readFile, rename, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  commitFiles,
  entriesOf,
  keyOf,
  openStore,
  record,
  temporaryDirectory,
  visibleArtifacts,
  writeFiles,
} from './store-fixture.js';

const files = { 'config.json': '{"tp":1}', 'ranks/rank0.engine': 'weights', 'ranks/rank1.engine': '' };

/** A socket made elsewhere and moved: the path that one may be bound to is short. */
async function placeSocket(path: string): Promise<void> {
  const bound = join(await temporaryDirectory(), 'socket');
  const server = createServer().listen(bound);
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  await rename(bound, path);
}

describe('the content digest', () => {
  test('is the same for the same content, whatever the order of writing and the times', async () => {
    const { store } = await openStore();
    const first = await commitFiles(store, files, { key: keyOf('one') });
    const staging = await store.stage('engine');
    await writeFiles(staging.directory, Object.fromEntries(Object.entries(files).reverse()));
    await utimes(join(staging.directory, 'config.json'), 1, 1);
    const second = await staging.commit({ key: keyOf('two'), record });
    expect(second).toEqual({ reference: first.reference, adopted: true });
    expect(first.reference).toEqual({ kind: 'engine', digest: expect.stringMatching(/^[0-9a-f]{64}$/), bytes: 15 });
  });

  test('differs for another byte, another name and another kind', async () => {
    const { store } = await openStore();
    const variants = [
      await commitFiles(store, files, { key: keyOf('1') }),
      await commitFiles(store, { ...files, 'config.json': '{"tp":2}' }, { key: keyOf('2') }),
      await commitFiles(store, { 'config.JSON': files['config.json'] }, { key: keyOf('3') }),
      await commitFiles(store, { 'config.json': files['config.json'] }, { key: keyOf('4') }),
    ];
    const checkpoint = await store.stage('checkpoint');
    await writeFiles(checkpoint.directory, files);
    variants.push(await checkpoint.commit({ key: keyOf('5'), record }));
    expect(new Set(variants.map(({ reference }) => reference.digest)).size).toBe(5);
  });

  test('does not depend on the record, which is kept beside the artifact with a copy of the log', async () => {
    const { home, directory, store } = await openStore();
    const logPath = join(home, 'job.log');
    await writeFile(logPath, 'Building engine…\n');
    const { reference } = await commitFiles(store, files, { record: { ...record, logPath } });
    const again = { ...record, attemptId: 'workflow/run/2', endedAt: '2026-02-02T00:00:00.000Z', host: 'another' };
    expect((await commitFiles(store, files, { record: again })).reference).toEqual(reference);

    const records = join(directory, 'records', reference.digest);
    expect((await entriesOf(records)).sort()).toEqual(['attempt-1', 'workflow%2Frun%2F2']);
    const kept: unknown = JSON.parse(await readFile(join(records, 'attempt-1', 'record.json'), 'utf8'));
    const common = { schema: 'enginesmith/record/v1', key: keyOf('engine'), digest: reference.digest };
    expect(kept).toEqual({ ...common, ...record, log: 'tool.log' });
    expect(await readFile(join(records, 'attempt-1', 'tool.log'), 'utf8')).toBe('Building engine…\n');
  });
});

describe('commit', () => {
  test('makes the key a hit, the files read-only, and leaves no staging behind', async () => {
    const { directory, store } = await openStore();
    expect(await store.lookup(keyOf('engine'))).toBeUndefined();
    const { reference, adopted } = await commitFiles(store, files);
    expect(adopted).toBe(false);
    expect(await store.lookup(keyOf('engine'))).toEqual(reference);
    expect((await store.describe(reference.digest))?.manifest.files.map(({ path }) => path)).toEqual([
      'config.json',
      'ranks/rank0.engine',
      'ranks/rank1.engine',
    ]);
    const path = join(await store.materialize(reference), 'config.json');
    expect((await stat(path)).mode & 0o777).toBe(0o444);
    expect(await entriesOf(join(directory, 'staging'))).toEqual([]);
  });

  test('keeps what a key named first, and reports that the tool is not deterministic', async () => {
    const { directory, store } = await openStore();
    const first = await commitFiles(store, { 'rank0.engine': 'one' });
    const second = await commitFiles(store, { 'rank0.engine': 'two' });
    expect(second.reference).toEqual(first.reference);
    expect(second.conflict).toEqual({ kept: first.reference.digest, committed: expect.any(String) });
    expect((await visibleArtifacts(directory)).sort()).toEqual(
      [first.reference.digest, second.conflict?.committed].sort(),
    );
  });

  test('takes the place of an artifact that lost a file', async () => {
    const { directory, store } = await openStore();
    const { reference } = await commitFiles(store, files);
    await rm(join(await store.materialize(reference), 'config.json'));
    expect(await commitFiles(store, files)).toEqual({ reference, adopted: false });
    await store.materialize(reference);
    expect(await entriesOf(join(directory, 'quarantine'))).toHaveLength(1);
  });

  test('reads no file again whose digest and size are known, and every other one', async () => {
    const { store } = await openStore();
    const known = { path: 'config.json', bytes: 8, sha256: keyOf(files['config.json']) };
    const wrongSize = { path: 'ranks/rank0.engine', bytes: 8, sha256: keyOf('something else') };
    const { reference } = await commitFiles(store, files, { knownDigests: [known, wrongSize] });
    expect(store.hashingTotals()).toEqual({ files: 2, bytes: 7 });
    const { reference: hashed } = await commitFiles(store, files, { key: keyOf('hashed') });
    expect(reference).toEqual(hashed);
  });

  test('shares the files of a directory that exists already, which stays for whoever comes after a crash', async () => {
    const { home, store } = await openStore();
    const from = join(home, 'download');
    await writeFiles(from, files);
    const staging = await store.stage('engine', { from });
    const { reference } = await staging.commit({ key: keyOf('moved'), record });
    expect(await entriesOf(from)).toEqual(['config.json', 'ranks']);
    expect(await commitFiles(store, files)).toEqual({ reference, adopted: true });
  });

  test('leaves nothing behind of a copy that broke off', async () => {
    const { store, directory } = await openStore();
    // Another file system than the store's, so that its files are copied; a pipe is what no copy takes.
    const from = await mkdtemp('/dev/shm/enginesmith-store-');
    onTestFinished(() => rm(from, { recursive: true }));
    await writeFile(join(from, 'a'), 'copied');
    await execa('bash', ['-c', 'mkfifo "$0"', join(from, 'b')]);
    await expect(store.stage('engine', { from })).rejects.toThrow();
    expect(await entriesOf(join(directory, 'staging'))).toEqual([]);
  });

  test('shows nothing when the claim is lost', async () => {
    const { directory, store } = await openStore();
    const staging = await store.stage('engine');
    await writeFiles(staging.directory, files);
    const assertClaim = () => Promise.reject(new Error('taken over'));
    await expect(staging.commit({ key: keyOf('engine'), record, assertClaim })).rejects.toThrow('taken over');
    await staging.discard();
    expect(await store.lookup(keyOf('engine'))).toBeUndefined();
    expect(await visibleArtifacts(directory)).toEqual([]);
    expect(await entriesOf(join(directory, 'staging'))).toEqual([]);
  });
});

describe('commit refuses', () => {
  test.each<[string, (directory: string) => Promise<unknown>, string]>([
    [
      'a symbolic link',
      (directory) => symlink('/etc/hosts', join(directory, 'config.json')),
      '"config.json" is a symbolic link',
    ],
    ['a link to a directory', (directory) => symlink('/etc', join(directory, 'ranks')), '"ranks" is a symbolic link'],
    [
      'a special file',
      (directory) => placeSocket(join(directory, 'socket')),
      '"socket" is a symbolic link or a special',
    ],
  ])('%s', async (_name, spoil, message) => {
    const { store } = await openStore();
    const staging = await store.stage('engine');
    await writeFiles(staging.directory, { 'rank0.engine': 'weights' });
    await spoil(staging.directory);
    const commit = staging.commit({ key: keyOf('engine'), record });
    await expect(commit).rejects.toMatchObject({
      type: 'ToolOutputInvalid',
      message: expect.stringContaining(message),
    });
  });

  test('a link in place of a whole directory', async () => {
    const { home, store } = await openStore();
    await writeFiles(join(home, 'download'), files);
    await symlink(join(home, 'download'), join(home, 'link'));
    const staging = await store.stage('engine', { from: join(home, 'link') });
    const commit = staging.commit({ key: keyOf('engine'), record });
    await expect(commit).rejects.toMatchObject({ type: 'ToolOutputInvalid', context: { path: '.' } });
  });

  test('output that a process of the tool still writes', async () => {
    const { store } = await openStore();
    const staging = await store.stage('engine');
    await writeFiles(staging.directory, files);
    const writer = await open(join(staging.directory, 'config.json'), 'a');
    onTestFinished(() => writer.close());
    const commit = staging.commit({ key: keyOf('engine'), record });
    const settled = commit.then(
      () => true,
      () => true,
    );
    while (!(await Promise.race([settled, writer.write('x').then(() => false)])));
    await expect(commit).rejects.toMatchObject({
      type: 'ToolOutputInvalid',
      message: expect.stringContaining('changed'),
    });
  });

  test('output without a file', async () => {
    const { store } = await openStore();
    const staging = await store.stage('engine');
    await mkdir(join(staging.directory, 'empty'));
    const commit = staging.commit({ key: keyOf('engine'), record });
    await expect(commit).rejects.toMatchObject({ type: 'ToolOutputInvalid' });
  });
});
