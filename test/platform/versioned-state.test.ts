import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { createVersionedState } from '../../src/platform/versioned-state.js';

async function temporaryCounter() {
  const directory = await mkdtemp(join(tmpdir(), 'enginesmith-state-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const schema = z.object({ count: z.int() });
  const another = () => createVersionedState({ directory, schema, initial: { count: 0 } });
  return { directory, another };
}

test('changes of one process take turns: each is decided and written once', async () => {
  const { directory, another } = await temporaryCounter();
  const state = another();
  let decisions = 0;
  const change = async ({ count }: { count: number }) => {
    decisions += 1;
    return { count: count + 1 };
  };
  await Promise.all(Array.from({ length: 20 }, () => state.update(change)));
  expect(await state.read()).toEqual({ count: 20 });
  expect(decisions).toBe(20);
  expect(await readdir(directory)).toContain('20.json');
});

test('a change that fails is in the way of none after it', async () => {
  const { another } = await temporaryCounter();
  const state = another();
  const failing = state.update(async () => Promise.reject(new Error('no driver')));
  const after = state.update(async ({ count }) => ({ count: count + 1 }));
  await expect(failing).rejects.toThrow('no driver');
  await after;
  expect(await state.read()).toEqual({ count: 1 });
});

test('rivals each get through', async () => {
  const { another } = await temporaryCounter();
  const states = Array.from({ length: 5 }, another);
  await Promise.all(states.map((state) => state.update(async ({ count }) => ({ count: count + 1 }))));
  expect(await another().read()).toEqual({ count: 5 });
});
