import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { sweepLeftovers } from '../../src/activities/sweep-leftovers.js';
import { createGpuLeases } from '../../src/platform/gpu-leases.js';
import { placesOf } from '../../src/platform/places.js';
import { createJobRunner } from '../../src/platform/process/job-runner.js';
import { createClaims } from '../../src/platform/store/claims.js';
import { bashJob } from '../platform/process/jobs-fixture.js';
import { commitFiles, entriesOf, keyOf, openStore, startProcess } from '../platform/store/store-fixture.js';

const aMonthOn = () => Date.now() + 30 * 24 * 60 * 60 * 1000;

/** A host on which attempts at `key` were killed and left all that they can leave; `key` itself as the test wants it. */
async function openHost(name: string) {
  const key = keyOf(name);
  const jobId = `build-${key}`;
  const { home, store } = await openStore();
  const places = { ...placesOf({ home, cache: join(home, 'cache'), host: 'host' }), store: join(home, 'store') };
  const jobs = createJobRunner({ jobsDirectory: places.jobs });
  const claims = createClaims({ directory: places.claims });
  const devices = [{ index: 0, class: 'cpu', memoryBytes: 1 }];
  const leases = createGpuLeases({ directory: places.leases, devices, isHolderActive: async () => true });
  const dependencies = { claims, jobs, leases, places, store };

  await jobs.run(bashJob('echo built', { jobId }));
  await jobs.run(bashJob('echo serves', { jobId: 'triton-chat-1' }));
  await leases.acquire({ holder: jobId, count: 1 });
  const scratch = join(places.scratch, jobId);
  const partial = join(places.downloads, key, 'files.download');
  for (const directory of [scratch, partial]) {
    await mkdir(directory, { recursive: true });
    await writeFile(join(directory, 'half'), 'half');
  }
  const claimed = await startProcess('./claim.process.ts', places.claims, key, 'killed');
  // Its answer, not its folder: one that is killed in between leaves no claim, but a file that is swept a minute later.
  const answer = once(claimed.child.stdout, 'data');
  claimed.go();
  await answer;
  const killClaimant = async (): Promise<void> => {
    claimed.child.kill('SIGKILL');
    await claimed.child;
  };
  const left = async () => ({
    job: existsSync(join(places.jobs, jobId)),
    scratch: existsSync(scratch),
    download: existsSync(join(places.downloads, key)),
    claim: (await claims.list()).length > 0,
    lease: (await leases.list()).length > 0,
  });
  return { dependencies, key, jobId, killClaimant, left };
}

const everything = { job: true, scratch: true, download: true, claim: true, lease: true };
const nothing = { job: false, scratch: false, download: false, claim: false, lease: false };

test('what is left of an action whose artifact was made is removed, and nothing of a deployment', async () => {
  const { dependencies, key, killClaimant, left } = await openHost('made');
  await commitFiles(dependencies.store, { 'rank0.engine': 'made' }, { key });
  await killClaimant();
  const swept = await sweepLeftovers(dependencies);
  expect(swept).toHaveLength(3);
  expect(await left()).toEqual(nothing);
  expect(await entriesOf(dependencies.places.jobs)).toEqual(['triton-chat-1']);
  expect(await sweepLeftovers(dependencies)).toEqual([]);
});

test('a download that went on after its artifact was made stays: it makes it anew', async () => {
  const { dependencies, key, killClaimant, left } = await openHost('remade');
  await commitFiles(dependencies.store, { 'rank0.engine': 'remade' }, { key });
  await killClaimant();
  const { madeAt = '' } = (await dependencies.store.readAction(key)) ?? {};
  const later = new Date(Date.parse(madeAt) + 1_000);
  await utimes(join(dependencies.places.downloads, key, 'files.download/half'), later, later);
  expect(await sweepLeftovers(dependencies)).toEqual([]);
  expect(await left()).toEqual(everything);
});

test('what the next attempt may take up stays for a week, and no longer', async () => {
  const { dependencies, killClaimant, left } = await openHost('unmade');
  await killClaimant();
  expect(await sweepLeftovers(dependencies)).toEqual([]);
  expect(await left()).toEqual(everything);
  expect(await sweepLeftovers(dependencies, aMonthOn())).toHaveLength(3);
  expect(await left()).toEqual(nothing);
});

test('what a living worker has claimed stays, however old it is and whether or not it was made', async () => {
  const { dependencies, key, killClaimant, left } = await openHost('claimed');
  await commitFiles(dependencies.store, { 'rank0.engine': 'claimed' }, { key });
  expect(await sweepLeftovers(dependencies, aMonthOn())).toEqual([]);
  expect(await left()).toEqual(everything);
  await killClaimant();
});

test('what a tool that runs is using stays', async () => {
  const { dependencies, key, jobId, killClaimant, left } = await openHost('running');
  const { jobs, store } = dependencies;
  await jobs.remove(jobId);
  await jobs.start(bashJob('sleep 60', { jobId }));
  await commitFiles(store, { 'rank0.engine': 'running' }, { key });
  await killClaimant();
  expect(await sweepLeftovers(dependencies, aMonthOn())).toEqual([]);
  expect((await jobs.inspect(jobId)).state).toBe('running');
  expect(await left()).toEqual(everything);
  await jobs.stop(jobId, { graceMs: 0 });
  expect(await sweepLeftovers(dependencies)).toHaveLength(3);
  expect(await left()).toEqual(nothing);
});
