import { readdir, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { ActionKey } from '../contracts/artifacts.js';
import { ifPresent } from '../platform/durable-files.js';
import { newestChangeMs } from '../platform/newest-change.js';
import { newStagingName } from '../platform/store/staging-owner.js';
import type { ActivityDependencies } from './dependencies.js';

/** No pipeline waits that long between two attempts at a step; scheduleToClose timeouts end it before. */
const ABANDONED_AFTER_MS = 7 * 24 * 60 * 60 * 1000;

/** Long enough to remove a terabyte of partial files. */
const CLAIM_TTL_MS = 10 * 60_000;

type Swept = Pick<ActivityDependencies, 'claims' | 'jobs' | 'leases' | 'places' | 'store'>;

/**
 * Removes what attempts that were killed have left of actions that nobody will take up again: those whose artifact was made,
 * and those that nobody has touched for a week. That is a job with its ledger, a scratch directory, GPU leases, a partial
 * download and the claim itself. It holds the action's claim meanwhile, so no attempt of any worker works with them, and it
 * leaves a tool that runs alone, whoever waits for it.
 * @returns the names of what was removed
 */
export async function sweepLeftovers(dependencies: Swept, nowMs: number = Date.now()): Promise<string[]> {
  const { claims, store } = dependencies;
  const swept: string[] = [];
  for (const [key, { paths, changedAtMs }] of await findLeftovers(dependencies)) {
    const isMade = (await store.lookup(key)) !== undefined && !(await isBeingRemade(dependencies, key, paths));
    if (!isMade && nowMs - changedAtMs < ABANDONED_AFTER_MS) continue;
    const claim = await claims.claim({ key, owner: newStagingName(), ttlMs: CLAIM_TTL_MS });
    if ('heldBy' in claim) continue;
    let isRemoved = false;
    try {
      isRemoved = await removed(dependencies, paths);
    } finally {
      await (isRemoved ? claim.retire() : claim.release());
    }
    if (isRemoved) swept.push(...(paths.length > 0 ? paths : [`the claim of ${key}`]));
  }
  return swept;
}

interface Leftovers {
  paths: string[];
  changedAtMs: number;
}

/** What lies below jobs, scratch, downloads and claims, by the key in its name. What has none belongs to a deployment. */
async function findLeftovers({ claims, places }: Swept): Promise<Map<ActionKey, Leftovers>> {
  const found = new Map<ActionKey, Leftovers>();
  const add = (key: ActionKey, paths: string[], changedAtMs: number): void => {
    const known = found.get(key) ?? { paths: [], changedAtMs: 0 };
    found.set(key, { paths: [...known.paths, ...paths], changedAtMs: Math.max(known.changedAtMs, changedAtMs) });
  };
  for (const { key, changedAtMs } of await claims.list()) add(key, [], changedAtMs);
  for (const directory of [places.jobs, places.scratch, places.downloads]) {
    for (const name of (await ifPresent(() => readdir(directory))) ?? []) {
      const key = /^(?:[A-Za-z]+-)?([0-9a-f]{64})$/.exec(name)?.[1];
      if (key === undefined) continue;
      const path = join(directory, name);
      add(key, [path], (await ifPresent(() => stat(path)))?.mtimeMs ?? 0);
    }
  }
  return found;
}

/**
 * Whether a tool ended by itself, or a download went on, after the action was made: a resumed pipeline has it made anew, and
 * goes on from that.
 */
async function isBeingRemade({ jobs, places, store }: Swept, key: ActionKey, paths: readonly string[]) {
  // What another host has made, and a bucket tells of, says not when: it may have been before.
  const { madeAt = new Date(0).toISOString() } = (await store.readAction(key)) ?? {};
  for (const path of paths.filter((candidate) => dirname(candidate) === places.jobs)) {
    const job = await jobs.inspect(basename(path));
    if (job.state === 'exited' && job.exit.endedBy === 'tool' && job.exit.endedAt > madeAt) return true;
  }
  const downloads = paths.filter((candidate) => dirname(candidate) === places.downloads);
  const changes = await Promise.all(downloads.map(newestChangeMs));
  return changes.some((changedAtMs) => changedAtMs > Date.parse(madeAt));
}

/** @returns false when a tool runs, and nothing was removed */
async function removed({ jobs, leases, places }: Swept, paths: readonly string[]): Promise<boolean> {
  const jobIds = paths.filter((path) => dirname(path) === places.jobs).map((path) => basename(path));
  for (const jobId of jobIds) if ((await jobs.inspect(jobId)).state === 'running') return false;
  for (const jobId of jobIds) {
    await leases.release(jobId);
    await jobs.forget(jobId);
  }
  for (const path of paths) await rm(path, { recursive: true, force: true });
  return true;
}
