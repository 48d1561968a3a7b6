import { randomFillSync } from 'node:crypto';
import { once } from 'node:events';
import { statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { createDiskLedger } from '../../src/platform/disk-ledger.js';
import { temporaryDirectory } from './store/store-fixture.js';

/** A ledger on a real disk, and shares of what is free on it; what others write meanwhile is far from a tenth. */
async function openLedger(isActive: (id: string) => boolean = () => false) {
  const home = await temporaryDirectory();
  const open = () => createDiskLedger({ homes: [home], isActive: async (id) => isActive(id) });
  const { bavail, bsize } = await statfs(home);
  const share = (part: number) => Math.floor(bavail * bsize * part);
  const space = (id: string, bytes: number) => ({
    id,
    step: id,
    bytes,
    writesTo: join(home, 'scratch', id),
    into: home,
  });
  const ledger = open();
  const reserve = (id: string, part: number, collectable: number | null = null) =>
    ledger.reserve(space(id, share(part)), async () => collectable);
  return { home, ledger, share, space, reserve };
}

async function reserveInProcess(home: string, id: string, bytes: number) {
  const path = fileURLToPath(new URL('./reserve-disk.process.ts', import.meta.url));
  const child = execa(process.execPath, ['--import', 'tsx', path, home, id, `${bytes}`], { reject: false });
  await once(child.stdout, 'data');
  const outcome = async (): Promise<string> => {
    const said = once(child.stdout, 'data');
    child.stdin.write('go\n');
    return `${(await said)[0]}`.trim();
  };
  return { child, outcome };
}

test('two steps do not count on the same space; the second waits until the first has ended', async () => {
  const { reserve } = await openLedger();
  const first = await reserve('build-a', 0.6);
  const second = reserve('build-b', 0.6, 12e9);
  await expect(second).rejects.toMatchObject({
    ...{ type: 'InsufficientDisk', retryable: true, benign: true },
    context: { known: true, step: 'build-b', reservedBytes: expect.any(Number), collectableBytes: 12e9 },
  });
  await expect(second).rejects.toThrow(
    /of which other steps have reserved .* `npx enginesmith artifacts gc` would free 12 GB/,
  );
  await first.release();
  await (await reserve('build-b', 0.6)).release();
});

test('what no disk of that size can hold is final', async () => {
  const { reserve } = await openLedger();
  await expect(reserve('build', 2)).rejects.toMatchObject({
    retryable: false,
    context: { known: true, reservedBytes: 0 },
  });
});

test('what has been written is free space no more, and reserved no more', async () => {
  const { ledger, space, reserve, share } = await openLedger();
  const written = 64 * 2 ** 20;
  const half = space('build-a', written);
  await ledger.reserve(half, async () => null);
  await writeFile(join(half.writesTo, 'rank0.engine'), randomFillSync(Buffer.alloc(written)));
  await expect(reserve('build-b', 2)).rejects.toMatchObject({ context: { reservedBytes: 0 } });
  // The next attempt at it counts what the one before has written.
  const again = ledger.reserve({ ...half, bytes: written + share(2) }, async () => null);
  await expect(again).rejects.toMatchObject({ context: { neededBytes: share(2) } });
});

test('a later attempt takes the place of an earlier one', async () => {
  const { reserve } = await openLedger();
  const first = await reserve('build', 0.6);
  const second = await reserve('build', 0.6);
  await second.release();
  await first.release();
});

test('of processes that reserve at the same moment, as many succeed as there is space for', async () => {
  const { home, share } = await openLedger();
  const racers = await Promise.all(['a', 'b', 'c', 'd', 'e', 'f'].map((id) => reserveInProcess(home, id, share(0.4))));
  const outcomes = await Promise.all(racers.map(({ outcome }) => outcome()));
  expect(outcomes.filter((outcome) => outcome === 'reserved')).toHaveLength(2);
  expect(outcomes.filter((outcome) => outcome === 'InsufficientDisk')).toHaveLength(4);
  for (const { child } of racers) child.stdin.end();
  await Promise.all(racers.map(({ child }) => child));
});

test('what a killed process has reserved is free again, unless its tool goes on', async () => {
  let runs = true;
  const { home, reserve, share } = await openLedger((id) => id === 'build-a' && runs);
  const { child, outcome } = await reserveInProcess(home, 'build-a', share(0.6));
  expect(await outcome()).toBe('reserved');
  child.kill('SIGKILL');
  await child;
  await expect(reserve('build-b', 0.6)).rejects.toMatchObject({ type: 'InsufficientDisk' });
  runs = false;
  await (await reserve('build-b', 0.6)).release();
});
