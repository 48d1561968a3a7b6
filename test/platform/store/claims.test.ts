import { once } from 'node:events';
import { mkdir, utimes, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { type Claim, type ClaimHeld, createClaims } from '../../../src/platform/store/claims.js';
import { commitFiles, entriesOf, keyOf, openStore, startProcess, temporaryDirectory } from './store-fixture.js';

const key = keyOf('baseline engine');
const longMs = 60_000;

function requireClaim(outcome: Claim | ClaimHeld): Claim {
  if ('heldBy' in outcome) throw new Error(`held by ${outcome.heldBy}`);
  return outcome;
}

async function openClaims() {
  const claims = createClaims({ directory: await temporaryDirectory() });
  const claim = (owner: string, ttlMs = longMs) => claims.claim({ key, owner, ttlMs });
  /** Claims again and again until an earlier claim has expired. */
  const claimWhenExpired = (owner: string) => vi.waitFor(async () => requireClaim(await claim(owner)), { interval: 5 });
  return { claim, claimWhenExpired };
}

describe('a claim', () => {
  test('is given to one of eight processes that race for it', async () => {
    const directory = await temporaryDirectory();
    const owners = Array.from({ length: 8 }, (_, index) => `owner-${index}`);
    const racers = await Promise.all(owners.map((owner) => startProcess('./claim.process.ts', directory, key, owner)));
    for (const { go } of racers) go();
    const outcomes = await Promise.all(
      racers.map(async ({ child }) => JSON.parse(String(await once(child.stdout, 'data')))),
    );
    for (const { child } of racers) child.stdin.end();
    await Promise.all(racers.map(({ child }) => child));
    const winner = outcomes.findIndex((outcome) => outcome.fence === 1);
    const expected = owners.map((_, index) => (index === winner ? { fence: 1 } : { heldBy: `owner-${winner}` }));
    expect(outcomes).toEqual(expected);
  });

  test('tells the others who holds it, and until when', async () => {
    const { claim } = await openClaims();
    const before = Date.now();
    await claim('first');
    const outcome = await claim('second');
    expect(outcome).toEqual({ heldBy: 'first', expiresAt: expect.any(Date) });
    const { expiresAt } = 'heldBy' in outcome ? outcome : { expiresAt: new Date(0) };
    expect(Math.abs(expiresAt.getTime() - before - longMs)).toBeLessThan(10_000);
  });

  test('can be taken at once after its release, with a greater fence', async () => {
    const { claim } = await openClaims();
    const first = requireClaim(await claim('first'));
    await first.release();
    expect(requireClaim(await claim('second')).fence).toBe(first.fence + 1);
  });

  test('that has expired is taken over, and its owner learns it', async () => {
    const { claim, claimWhenExpired } = await openClaims();
    const first = requireClaim(await claim('first', 1));
    const taker = await claimWhenExpired('taker');
    expect(taker.fence).toBe(first.fence + 1);
    expect(await first.renew()).toBe(false);
    await expect(first.assertHeld()).rejects.toMatchObject({ type: 'ClaimHeld', retryable: true, benign: true });
  });

  test('that has been taken over is not harmed by its former owner', async () => {
    const { claim, claimWhenExpired } = await openClaims();
    const first = requireClaim(await claim('first', 1));
    const second = await claimWhenExpired('second');
    await first.release();
    expect(await second.renew()).toBe(true);
    await second.assertHeld();
    expect(await claim('third')).toMatchObject({ heldBy: 'second' });
  });

  test('holds longer when it is renewed', async () => {
    const { claim } = await openClaims();
    const first = requireClaim(await claim('first', 400));
    const start = Date.now();
    await vi.waitFor(
      async () => {
        expect(await first.renew()).toBe(true);
        expect(await claim('second')).toMatchObject({ heldBy: 'first' });
        expect(Date.now() - start).toBeGreaterThan(800);
      },
      { timeout: 10_000, interval: 20 },
    );
  });

  test('is taken back at once by a retry of its owner, which fences off the attempt before', async () => {
    const { claim } = await openClaims();
    const first = requireClaim(await claim('workflow/activity'));
    const retry = requireClaim(await claim('workflow/activity'));
    expect(retry.fence).toBe(first.fence + 1);
    expect(await first.renew()).toBe(false);
    expect(await retry.renew()).toBe(true);
  });

  test('of a process that was killed is taken over at once', async () => {
    const directory = await temporaryDirectory();
    const { child, go } = await startProcess('./claim.process.ts', directory, key, 'killed');
    go();
    await once(child.stdout, 'data');
    const claims = createClaims({ directory });
    expect(await claims.claim({ key, owner: 'next', ttlMs: longMs })).toMatchObject({ heldBy: 'killed' });
    child.kill('SIGKILL');
    await child;
    expect(requireClaim(await claims.claim({ key, owner: 'next', ttlMs: longMs })).fence).toBe(2);
  });

  test('that is retired leaves nothing, and one who was fenced off before does not hold its successor', async () => {
    const directory = await temporaryDirectory();
    const claims = createClaims({ directory });
    const claim = async (owner: string, ttlMs = longMs) => requireClaim(await claims.claim({ key, owner, ttlMs }));
    const frozen = await claim('same');
    const second = await claim('same');
    expect(await claims.list()).toEqual([{ key, changedAtMs: expect.closeTo(Date.now(), -4) }]);
    await frozen.retire();
    expect(await second.isHeld()).toBe(true);
    await second.retire();
    expect(await claims.list()).toEqual([]);
    expect(await second.isHeld()).toBe(false);
    const later = await claim('other');
    expect(later.fence).toBe(frozen.fence);
    expect(await frozen.isHeld()).toBe(false);
    await frozen.release();
    await frozen.retire();
    expect(await later.isHeld()).toBe(true);
    expect(await claims.claim({ key, owner: 'third', ttlMs: longMs })).toMatchObject({ heldBy: 'other' });
  });

  test('leaves nothing of a process that was killed before its own had its name, once a minute has passed', async () => {
    const directory = await temporaryDirectory();
    const claims = createClaims({ directory });
    const claimAndRetire = async () => requireClaim(await claims.claim({ key, owner: 'next', ttlMs: longMs })).retire();
    const folder = join(directory, key.slice(0, 2), key);
    const unnamed = join(folder, '1.0123456789ab');
    await mkdir(folder, { recursive: true });
    await writeFile(unnamed, '{"owner":"kil');
    await claimAndRetire();
    // It may be of one who is about to give it its name.
    expect(await entriesOf(folder)).toEqual([basename(unnamed)]);
    const aMinuteAgo = new Date(Date.now() - 61_000);
    await utimes(unnamed, aMinuteAgo, aMinuteAgo);
    await claimAndRetire();
    expect(await claims.list()).toEqual([]);
  });

  test('that was lost refuses the commit of its artifact', async () => {
    const { claim, claimWhenExpired } = await openClaims();
    const { store } = await openStore();
    const slow = requireClaim(await claim('slow', 1));
    const next = await claimWhenExpired('next');
    const commit = commitFiles(store, { 'rank0.engine': 'slow' }, { assertClaim: slow.assertHeld });
    await expect(commit).rejects.toMatchObject({ type: 'ClaimHeld' });
    expect(await store.lookup(keyOf('engine'))).toBeUndefined();
    expect(await commitFiles(store, { 'rank0.engine': 'next' }, { assertClaim: next.assertHeld })).toMatchObject({
      adopted: false,
    });
  });
});

test('of many that find one expired claim at the same moment, one takes it over', async () => {
  const claims = createClaims({ directory: await temporaryDirectory() });
  for (let round = 1; round <= 20; round += 1) {
    const outcomes = await Promise.all(
      Array.from({ length: 8 }, (_, index) => claims.claim({ key, owner: `${round}-${index}`, ttlMs: longMs })),
    );
    const winners = outcomes.filter((outcome) => 'fence' in outcome);
    expect(winners.map(({ fence }) => fence)).toEqual([round]);
    await winners[0]?.release();
  }
});

test('a key that is claimed and retired by many at once can always be claimed', async () => {
  const claims = createClaims({ directory: await temporaryDirectory() });
  const claimAndRetire = async (owner: string): Promise<number> => {
    let won = 0;
    for (let round = 0; round < 60; round += 1) {
      const outcome = await claims.claim({ key, owner, ttlMs: longMs });
      if ('heldBy' in outcome) continue;
      won += 1;
      await outcome.retire();
    }
    return won;
  };
  const won = await Promise.all(['a', 'b', 'c', 'd', 'e', 'f'].map(claimAndRetire));
  expect(won.reduce((sum, each) => sum + each, 0)).toBeGreaterThan(0);
});
