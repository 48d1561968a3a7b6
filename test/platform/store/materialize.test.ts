import { chmod, mkdir, readFile, rename, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { commitFiles, entriesOf, keyOf, openStore, visibleArtifacts } from './store-fixture.js';

const files = { 'config.json': '{"tp":1}', 'rank0.engine': 'weights' };

/** Changes one bit in place, with the size and, like a failing disk does, the times as they were. */
async function flipBit(path: string): Promise<void> {
  const { atime, mtime } = await stat(path);
  const content = await readFile(path);
  content[0] = (content[0] ?? 0) ^ 1;
  await chmod(path, 0o644);
  await writeFile(path, content);
  await utimes(path, atime, mtime);
}

describe('materialize', () => {
  test('hashes an artifact once on each host, and never where it was made', async () => {
    const { store, onOtherHost } = await openStore();
    const { reference } = await commitFiles(store, files);
    const made = store.hashingTotals();
    await store.materialize(reference);
    expect(store.hashingTotals()).toEqual(made);

    const other = onOtherHost();
    const [first, second] = await Promise.all([other.materialize(reference), other.materialize(reference)]);
    expect(first).toBe(second);
    expect(other.hashingTotals()).toEqual({ files: 2, bytes: 15 });
    await other.materialize(reference);
    expect(other.hashingTotals()).toEqual({ files: 2, bytes: 15 });

    const restarted = onOtherHost();
    expect(await readFile(join(await restarted.materialize(reference), 'config.json'), 'utf8')).toBe('{"tp":1}');
    expect(restarted.hashingTotals()).toEqual({ files: 0, bytes: 0 });
  });

  test('finds a flipped bit on arrival at a host, names the file, and makes the action miss', async () => {
    const { directory, store, onOtherHost } = await openStore();
    const { reference } = await commitFiles(store, files);
    await flipBit(join(await store.materialize(reference), 'rank0.engine'));

    await expect(onOtherHost().materialize(reference)).rejects.toMatchObject({
      type: 'ArtifactCorrupt',
      context: { digest: reference.digest, file: 'rank0.engine' },
    });
    expect(await store.lookup(keyOf('engine'))).toBeUndefined();
    expect(await visibleArtifacts(directory)).toEqual([]);
    expect(await entriesOf(join(directory, 'quarantine'))).toEqual([expect.stringContaining(reference.digest)]);

    expect(await commitFiles(store, files)).toEqual({ reference, adopted: false });
    await onOtherHost().materialize(reference);
  });

  test('finds what was tampered with after it was verified', async () => {
    const { store } = await openStore();
    const { reference } = await commitFiles(store, files);
    const path = join(await store.materialize(reference), 'rank0.engine');
    await flipBit(path);
    await utimes(path, 1, 1);
    await expect(store.materialize(reference)).rejects.toMatchObject({ context: { file: 'rank0.engine' } });
  });

  test('hashes again, and is content, when only a time changed', async () => {
    const { store } = await openStore();
    const { reference } = await commitFiles(store, files);
    const directory = await store.materialize(reference);
    await utimes(join(directory, 'rank0.engine'), 1, 1);
    const before = store.hashingTotals();
    expect(await store.materialize(reference)).toBe(directory);
    expect(store.hashingTotals().files).toBe(before.files + 2);
    await store.materialize(reference);
    expect(store.hashingTotals().files).toBe(before.files + 2);
  });

  test.each<[string, string, (directory: string) => Promise<unknown>]>([
    ['added', 'extra.bin', (directory) => writeFile(join(directory, 'extra.bin'), 'x')],
    ['renamed', 'config.json', (directory) => rename(join(directory, 'config.json'), join(directory, 'other.json'))],
    ['linked', 'link', (directory) => symlink('config.json', join(directory, 'link'))],
  ])('finds a file that was %s', async (_name, file, spoil) => {
    const { store } = await openStore();
    const { reference } = await commitFiles(store, files);
    await spoil(await store.materialize(reference));
    await expect(store.materialize(reference)).rejects.toMatchObject({ type: 'ArtifactCorrupt', context: { file } });
  });

  test('does not trust a torn stamp', async () => {
    const { home, store } = await openStore();
    const { reference } = await commitFiles(store, files);
    await mkdir(join(home, 'cache/verified'), { recursive: true });
    await writeFile(join(home, 'cache/verified', `${reference.digest}.json`), '[{"path":"con');
    await store.materialize(reference);
    expect(store.hashingTotals().files).toBe(4);
  });

  test('says that an artifact is missing, and that a name is none', async () => {
    const { store } = await openStore();
    await expect(store.materialize({ digest: keyOf('never made') })).rejects.toMatchObject({ type: 'ArtifactCorrupt' });
    await expect(store.materialize({ digest: '../../etc' })).rejects.toMatchObject({ type: 'NotFound' });
  });

  test('gives no artifact whose manifest was changed', async () => {
    const { directory, store } = await openStore();
    const { reference } = await commitFiles(store, files);
    const manifest = join(await store.materialize(reference), '..', 'manifest.json');
    await chmod(manifest, 0o644);
    await writeFile(manifest, (await readFile(manifest, 'utf8')).replace('rank0', 'rank1'));
    expect(await store.lookup(keyOf('engine'))).toBeUndefined();
    expect(await entriesOf(join(directory, 'quarantine'))).toHaveLength(1);
  });
});

test('a root keeps the names of what a run needs, once', async () => {
  const { directory, store } = await openStore();
  const { digest } = (await commitFiles(store, { 'rank0.engine': 'weights' })).reference;
  const root = { runId: 'nightly/7', key: keyOf('engine'), digest, workflowId: 'nightly', name: 'chat' };
  expect(await store.recordRoot(root)).toBe(true);
  expect(await store.recordRoot(root)).toBe(true);
  const path = join(directory, 'roots', 'nightly%2F7', `${root.key}-${digest}.json`);
  expect(JSON.parse(await readFile(path, 'utf8'))).toEqual({ schema: 'enginesmith/root/v1', ...root });
  expect(await store.recordRoot({ ...root, digest: keyOf('never made') })).toBe(false);
  expect(await entriesOf(join(directory, 'staging'))).toEqual([]);
});
