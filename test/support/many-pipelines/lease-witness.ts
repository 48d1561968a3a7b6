import { watch } from 'node:fs';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type LeaseState, leaseStateSchema } from '../../../src/platform/gpus/lease-state.js';

/** Somebody in the line. */
interface Standing {
  holder: string;
  count: number;
  /** ISO 8601: its place. */
  since: string;
}

/** Devices went to a holder between two versions of the leases. */
export interface Grant {
  holder: string;
  count: number;
  /** The holder's place; undefined: it got devices when it first asked. */
  since: string | undefined;
  /** Those who stood in the line before and after. */
  waiting: Standing[];
  /** Devices that nobody had afterwards. */
  freeDevices: number;
}

export interface LeaseWitness {
  readonly grants: readonly Grant[];
  /** Most who stood in the line at once. */
  readonly longestLine: number;
  /** How long devices were leased, one after the other, as far as it was seen. */
  readonly leasedMs: number;
  /** Versions that were read, and those that were gone before they were: what happened in between is not judged. */
  readonly versions: { readonly seen: number; readonly missed: number };
  end(): Promise<void>;
}

/**
 * Reads the leases of a host version by version as they are written, from outside. Eight versions are kept, so that one that is
 * read late is still there.
 */
export async function witnessLeases(directory: string, devices: number): Promise<LeaseWitness> {
  await mkdir(directory, { recursive: true });
  const grants: Grant[] = [];
  const versions = { seen: 0, missed: 0 };
  let longestLine = 0;
  let leasedMs = 0;
  let last = { version: 0, state: { leases: [], waiters: [], quarantined: [], loans: [], doubted: [] } as LeaseState };

  const take = (version: number, state: LeaseState): void => {
    if (version === last.version + 1) grants.push(...grantsBetween(last.state, state, devices));
    const ended = last.state.leases.filter((lease) => !state.leases.some(({ holder }) => holder === lease.holder));
    leasedMs += ended.reduce((sum, { since }) => sum + Date.now() - Date.parse(since), 0);
    versions.seen += 1;
    versions.missed += version - last.version - 1;
    longestLine = Math.max(longestLine, state.waiters.length);
    last = { version, state };
  };
  const readNew = async (): Promise<void> => {
    const numbers = (await readdir(directory)).flatMap((name) => /^(\d+)\.json$/.exec(name)?.[1] ?? []).map(Number);
    for (const version of numbers.sort((left, right) => left - right)) {
      if (version <= last.version) continue;
      const text = await readFile(join(directory, `${version}.json`), 'utf8').catch(() => undefined);
      if (text !== undefined) take(version, leaseStateSchema.parse(JSON.parse(text)));
    }
  };
  let reading = Promise.resolve();
  let isAsked = false;
  const watcher = watch(directory, () => {
    // A version is several events: whoever waits for its turn reads for all of them.
    if (isAsked) return;
    isAsked = true;
    reading = reading.then(() => {
      isAsked = false;
      return readNew();
    });
  });
  return {
    grants,
    get longestLine() {
      return longestLine;
    },
    get leasedMs() {
      return leasedMs;
    },
    versions,
    async end() {
      watcher.close();
      await reading;
      await readNew();
    },
  };
}

function grantsBetween(before: LeaseState, after: LeaseState, devices: number): Grant[] {
  const hadDevices = new Set(before.leases.map(({ holder }) => holder));
  const holders = new Set(after.leases.map(({ holder }) => holder).filter((holder) => !hadDevices.has(holder)));
  return [...holders].map((holder) => {
    const leases = after.leases.filter((lease) => lease.holder === holder);
    const grantedAt = leases.map(({ since }) => since).sort()[0] ?? '';
    const stillThere = new Set(after.waiters.map((waiter) => waiter.holder));
    return {
      holder,
      count: leases.length,
      since: before.waiters.find((waiter) => waiter.holder === holder)?.since,
      waiting: before.waiters
        // Who did not come again in time is forgotten, and keeps nothing from anybody.
        .filter((waiter) => stillThere.has(waiter.holder) && waiter.until > grantedAt)
        .map(({ holder: other, count, since }) => ({ holder: other, count, since })),
      freeDevices: devices - after.leases.length - after.quarantined.length,
    };
  });
}
