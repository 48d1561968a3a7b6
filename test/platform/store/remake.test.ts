import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { storeLayout } from '../../../src/platform/store/layout.js';
import { commitFiles, keyOf, openStore, visibleArtifacts } from './store-fixture.js';

const key = keyOf('engine');
const engine = (content: string) => ({ 'rank0.engine': content });

test('what was made anew takes the place of what the key named, which stays and is named as superseded', async () => {
  const { directory, store } = await openStore();
  const first = await commitFiles(store, engine('one'));
  expect(await store.lookup(key, 'resumed')).toBeUndefined();
  const second = await commitFiles(store, engine('two'), { remake: 'resumed' });
  expect(second).toEqual({ reference: expect.objectContaining({ kind: 'engine' }), adopted: false });
  expect(await store.lookup(key)).toEqual(second.reference);
  expect(await store.lookup(key, 'resumed')).toEqual(second.reference);
  expect(await store.readAction(key)).toMatchObject({
    remake: 'resumed',
    superseded: [{ digest: first.reference.digest }],
  });
  expect(await visibleArtifacts(directory)).toHaveLength(2);
});

test('another attempt of the same request keeps what the first one made', async () => {
  const { store } = await openStore();
  await commitFiles(store, engine('one'));
  const made = await commitFiles(store, engine('two'), { remake: 'resumed' });
  const again = await commitFiles(store, engine('three'), { remake: 'resumed' });
  expect(again.reference).toEqual(made.reference);
  expect(again.conflict?.kept).toBe(made.reference.digest);
  expect(await store.lookup(key, 'resumed again')).toBeUndefined();
});

test('the same content made anew supersedes nothing, and is known to be made', async () => {
  const { store } = await openStore();
  const first = await commitFiles(store, engine('one'));
  const second = await commitFiles(store, engine('one'), { remake: 'resumed' });
  expect(second).toEqual({ reference: first.reference, adopted: true });
  expect(await store.lookup(key, 'resumed')).toEqual(first.reference);
  expect((await store.readAction(key))?.superseded).toEqual([]);
});

test('every remake is remembered, the latest last', async () => {
  const { store } = await openStore();
  const digests = [];
  for (const [index, content] of ['one', 'two', 'three'].entries()) {
    const { reference } = await commitFiles(store, engine(content), index === 0 ? {} : { remake: content });
    digests.push(reference.digest);
  }
  const entry = await store.readAction(key);
  expect(entry?.superseded.map(({ digest }) => digest)).toEqual(digests.slice(0, 2));
  expect(entry?.digest).toBe(digests[2]);
});

test('an entry keeps the components of its key, and says when it was made', async () => {
  const { store } = await openStore();
  const components = {
    step: 'build',
    stepVersion: 1,
    toolchainIdentity: 'a'.repeat(64),
    parameters: { '--max_batch_size': '4', '--strongly_typed': true },
    inputs: { checkpoint: 'b'.repeat(64) },
    gpuArchitecture: 'sm90',
  };
  const before = new Date().toISOString();
  await commitFiles(store, engine('one'), { components });
  const entry = await store.readAction(key);
  expect(entry?.components).toEqual(components);
  expect(entry?.madeAt?.localeCompare(before)).toBeGreaterThanOrEqual(0);
});

test('an entry of a release that kept no components is a hit like any other', async () => {
  const { directory, store } = await openStore();
  const { reference } = await commitFiles(store, engine('one'));
  const path = storeLayout(directory).action(key);
  const { schema, digest } = JSON.parse(await readFile(path, 'utf8'));
  const other = keyOf('older');
  await mkdir(join(directory, 'actions', other.slice(0, 2)), { recursive: true });
  await writeFile(storeLayout(directory).action(other), JSON.stringify({ schema, key: other, digest }));
  expect(await store.lookup(other)).toEqual(reference);
  expect(await store.readAction(other)).toEqual({ digest, superseded: [] });
});
