import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createGpuLeases, type GpuLeasesOptions } from '../../../src/platform/gpu-leases.js';

const gpu = (index: number) => ({ index, class: 'sm90', memoryBytes: 1, uuid: `GPU-${index}` });
const HOUR_MS = 3_600_000;
/** More than the kernel gives. */
const NOBODY = 2 ** 30;

/** One GPU, unless the test says otherwise, from which revision 1 of `chat` served until now. */
async function lentHost(changes: Partial<GpuLeasesOptions> = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'enginesmith-loans-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const leases = createGpuLeases({ directory, devices: [gpu(0)], isHolderActive: async () => false, ...changes });
  await leases.acquire({ holder: 'triton-chat-1', count: 1, serving: true });
  return {
    directory,
    leases,
    lend: (to: string[], keptMs = HOUR_MS) => leases.lend({ holder: 'triton-chat-1', to, keptMs }),
  };
}

const at = (second: number): string => new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString();
const uuids = (lease: { devices: readonly { uuid?: string | undefined }[] } | undefined) =>
  lease?.devices.map(({ uuid }) => uuid);
const own = { holder: 'build-own', count: 1, borrower: 'run-a' };
const other = { holder: 'build-other', count: 1, borrower: 'run-b' };

test('what is lent goes to steps of that run only, also past those who came before', async () => {
  const { leases, lend } = await lentHost();
  expect(await leases.acquire({ ...other, waitingSince: at(1) })).toBeUndefined();
  expect(await leases.acquire({ ...own, waitingSince: at(2) })).toBeUndefined();
  await lend(['run-a']);
  expect(await leases.acquire({ ...other, waitingSince: at(1) })).toBeUndefined();
  expect(await leases.line(other, at(1))).toMatchObject({ servedBy: ['triton-chat-1'], sufficient: ['triton-chat-1'] });
  expect(uuids(await leases.acquire({ ...own, waitingSince: at(2) }))).toEqual(['GPU-0']);
  await leases.release(own.holder);
  expect(await leases.acquire(other)).toBeUndefined();
  expect(uuids(await leases.acquire({ ...own, holder: 'evaluate-own' }))).toEqual(['GPU-0']);
});

test('two runs of which each is lent to stand in a line of their own', async () => {
  const { leases, lend } = await lentHost();
  await lend(['run-a']);
  await lend(['run-a', 'run-b']);
  expect(uuids(await leases.acquire({ ...own, waitingSince: at(2) }))).toEqual(['GPU-0']);
  expect(await leases.acquire({ ...other, waitingSince: at(1) })).toBeUndefined();
  expect(await leases.line(other, at(1))).toMatchObject({ servedBy: [] });
  expect(await leases.acquire({ ...own, holder: 'evaluate-own', waitingSince: at(3) })).toBeUndefined();
  await leases.release(own.holder);
  expect(await leases.acquire({ ...own, holder: 'evaluate-own', waitingSince: at(3) })).toBeUndefined();
  expect(uuids(await leases.acquire({ ...other, waitingSince: at(1) }))).toEqual(['GPU-0']);
});

test('the lender has it back when no step is on it, before everybody who waits', async () => {
  const { leases, lend } = await lentHost();
  await lend(['run-a']);
  await leases.acquire(own);
  const back = { holder: 'triton-chat-1', count: 1, serving: true, waitingSince: at(9) };
  expect(await leases.acquire(back)).toBeUndefined();
  expect(await leases.line(back, at(9))).toMatchObject({ servedBy: [] });
  expect(await leases.acquire({ ...other, waitingSince: at(1) })).toBeUndefined();
  await leases.release(own.holder);
  expect(uuids(await leases.acquire(back))).toEqual(['GPU-0']);
  expect(await leases.report()).toMatchObject({ leases: [{ holder: 'triton-chat-1', serving: true }], loans: [] });
});

test('a candidate takes over what its predecessor has lent, and the predecessor what the candidate leaves', async () => {
  const { leases, lend } = await lentHost();
  await lend(['run-a']);
  const candidate = { holder: 'triton-chat-2', count: 1, serving: true, reservedMs: HOUR_MS };
  await leases.acquire(own);
  expect(await leases.handOver({ ...candidate, from: 'triton-chat-1' })).toBeUndefined();
  await leases.release(own.holder);
  expect(uuids(await leases.handOver({ ...candidate, from: 'triton-chat-1' }))).toEqual(['GPU-0']);
  expect(await leases.report()).toMatchObject({ leases: [{ holder: 'triton-chat-2' }], loans: [] });
  await leases.handOver({ ...candidate, holder: 'triton-chat-1', from: 'triton-chat-2' });
  await lend(['run-a']);
  expect(await leases.report()).toMatchObject({ leases: [], loans: [{ holder: 'triton-chat-1', to: ['run-a'] }] });
});

test('a lender that is ended for good has lent nothing any more', async () => {
  const { leases, lend } = await lentHost();
  await lend(['run-a']);
  await leases.acquire(own);
  await leases.release('triton-chat-1');
  expect(await leases.report()).toMatchObject({ leases: [{ holder: own.holder }], loans: [] });
});

test('a loan that nobody renews is over, and one that is renewed is not', async () => {
  const { leases, lend } = await lentHost();
  await lend(['run-a'], 20);
  await expect.poll(() => leases.acquire(other)).toMatchObject({ devices: [{ uuid: 'GPU-0' }] });
  await leases.renewLoans({ holder: 'triton-chat-1', keptMs: HOUR_MS });
  expect((await leases.report()).loans).toEqual([]);

  const renewed = await lentHost();
  await renewed.lend(['run-a'], HOUR_MS / 4);
  const before = (await renewed.leases.report()).loans[0]?.until ?? '';
  await renewed.leases.renewLoans({ holder: 'triton-chat-1', keptMs: HOUR_MS });
  const after = (await renewed.leases.report()).loans[0]?.until ?? '';
  expect(Date.parse(after) - Date.parse(before)).toBeGreaterThan(HOUR_MS / 2);
});

test('a GPU that is not clean when it is lent goes to quarantine, and is lent once it is clean', async () => {
  let isClean = false;
  const leftOf = async () => (isClean ? [] : [{ pid: NOBODY, uuid: 'GPU-0' }]);
  const { leases, lend } = await lentHost({ leftOf, cleanWithinMs: 0, recheckAfterMs: 0 });
  expect(await lend(['run-a'])).toMatchObject([{ uuid: 'GPU-0' }]);
  expect(await leases.acquire(own)).toBeUndefined();
  isClean = true;
  expect(uuids(await leases.acquire(own))).toEqual(['GPU-0']);
});

test('of what serves, only that is sufficient whose devices alone are enough', async () => {
  const { leases } = await lentHost({ devices: [gpu(0), gpu(1), gpu(2)] });
  await leases.acquire({ holder: 'triton-mail-4', count: 2, serving: true });
  const line = (count: number) => leases.line({ ...own, count }, at(1));
  expect(await line(1)).toMatchObject({ sufficient: ['triton-chat-1', 'triton-mail-4'] });
  expect(await line(2)).toMatchObject({ servedBy: ['triton-chat-1', 'triton-mail-4'], sufficient: ['triton-mail-4'] });
  expect(await line(3)).toMatchObject({ servedBy: ['triton-chat-1', 'triton-mail-4'], sufficient: [] });
});

test('what serves is sufficient when no step is left on the others that are needed', async () => {
  const { leases } = await lentHost({ devices: [gpu(0), gpu(1)] });
  await leases.acquire({ ...other, waitingSince: at(1) });
  const both = { ...own, count: 2 };
  expect(await leases.acquire({ ...both, waitingSince: at(2) })).toBeUndefined();
  expect(await leases.line(both, at(2))).toMatchObject({ servedBy: ['triton-chat-1'], sufficient: [] });
  await leases.release(other.holder);
  expect(await leases.line(both, at(2))).toMatchObject({ servedBy: ['triton-chat-1'], sufficient: ['triton-chat-1'] });
});

test('the state of a release without loans is read', async () => {
  const { leases, directory } = await lentHost();
  const lease = { uuid: 'GPU-0', index: 0, holder: 'triton-mail-1', since: at(1), owner: null, serving: true };
  writeFileSync(join(directory, '100.json'), JSON.stringify({ leases: [lease], waiters: [], quarantined: [] }));
  expect(await leases.report()).toMatchObject({ leases: [{ holder: 'triton-mail-1' }], loans: [] });
});
