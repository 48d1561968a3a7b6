import { randomBytes } from 'node:crypto';
import { open, readdir, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { ActionKey } from '../../contracts/artifacts.js';
import { EnginesmithFailure } from '../../contracts/failures.js';
import { ifPresent, makeDirectoryDurably, publishFile, writeDurably } from '../durable-files.js';
import { parseJson } from '../parse-json.js';
import { sharded } from './layout.js';

/** The right to make what a key names, until it expires or someone takes it over. */
export interface Claim {
  /** Greater than that of every earlier claim of the key. */
  fence: number;
  /** Extends the claim by its time to live from now. @returns false when it has been taken over: stop working */
  renew(): Promise<boolean>;
  /** Whether nobody has taken the claim over. One that has expired meanwhile is still held. */
  isHeld(): Promise<boolean>;
  /** @throws ClaimHeld when the claim has been taken over. For `CommitOptions.assertClaim`. */
  assertHeld(): Promise<void>;
  /** Lets the next one claim at once. Does nothing when the claim has been taken over. */
  release(): Promise<void>;
}

export interface ClaimHeld {
  heldBy: string;
  expiresAt: Date;
}

export interface Claims {
  /**
   * Claims a key, also over an expired claim, and over one of the same owner: a retried attempt need not wait for its
   * predecessor, which is fenced off.
   * @param options.ttlMs how long the claim holds without renewal; well above the difference of the hosts' clocks
   */
  claim(options: { key: ActionKey; owner: string; ttlMs: number }): Promise<Claim | ClaimHeld>;
}

const claimSchema = z.object({ owner: z.string(), ttlMs: z.number() });

/** A writer that was killed before it gave its file the final name has left a temporary one that is older than this. */
const temporaryLifetimeMs = 60_000;

/**
 * Claims as files, for processes and hosts that share a file system. A claim is the file `<fence>` in its key's folder;
 * the greatest fence holds. It is created whole by a hard link, which exactly one racer wins. It expires its time to live
 * after its modification time, so that renewing and releasing are one atomic change of that time, and nothing is rewritten.
 */
export function createClaims({ directory }: { directory: string }): Claims {
  return {
    async claim({ key, owner, ttlMs }) {
      const folder = join(directory, ...sharded(key));
      await makeDirectoryDurably(folder);
      for (;;) {
        const current = await currentClaim(folder);
        if (current && current.owner !== owner && current.expiresAt.getTime() > Date.now()) {
          return { heldBy: current.owner, expiresAt: current.expiresAt };
        }
        const fence = (current?.fence ?? 0) + 1;
        if (await tryFence({ folder, fence, owner, ttlMs })) return createClaim({ folder, fence, key });
      }
    },
  };
}

function createClaim({ folder, fence, key }: { folder: string; fence: number; key: ActionKey }): Claim {
  const isHeld = async () => (await greatestFence(folder)) === fence;
  const touch = (time: Date) => ifPresent(() => utimes(join(folder, String(fence)), time, time));
  return {
    fence,
    isHeld,
    async renew() {
      if (!(await isHeld())) return false;
      await touch(new Date());
      // Whoever saw the claim expired just before may have taken it over meanwhile.
      return isHeld();
    },
    async assertHeld() {
      if (await isHeld()) return;
      throw new EnginesmithFailure(
        'ClaimHeld',
        `the claim ${fence} of ${key.slice(0, 12)} expired and was taken over; its new owner makes the artifact`,
        { benign: true, context: { key, fence } },
      );
    },
    async release() {
      await touch(new Date(0));
    },
  };
}

/** @returns false when someone else was faster */
async function tryFence(options: { folder: string; fence: number; owner: string; ttlMs: number }): Promise<boolean> {
  const { folder, fence, owner, ttlMs } = options;
  const temporary = join(folder, `${fence}.${randomBytes(6).toString('hex')}`);
  await writeDurably(temporary, JSON.stringify({ owner, ttlMs }));
  const won = await publishFile(temporary, join(folder, String(fence)));
  await rm(temporary, { force: true });
  // One who read the folder long ago may win a number that was used and swept since: a greater one tells.
  if (!won || (await greatestFence(folder)) !== fence) return false;
  await sweepBelow(folder, fence);
  return true;
}

async function currentClaim(folder: string) {
  const fence = await greatestFence(folder);
  if (fence === 0) return undefined;
  // Opened, not only looked at: that is what makes a network file system ask its server.
  return ifPresent(async () => {
    const handle = await open(join(folder, String(fence)), 'r');
    try {
      const { mtimeMs } = await handle.stat();
      // One that cannot be read protects nobody: it counts as expired.
      const { data } = claimSchema.safeParse(parseJson(await handle.readFile('utf8')));
      return { fence, owner: data?.owner ?? 'unknown', expiresAt: new Date(data ? mtimeMs + data.ttlMs : 0) };
    } finally {
      await handle.close();
    }
  });
}

/** @returns 0 when the key was never claimed */
async function greatestFence(folder: string): Promise<number> {
  const fences = (await readdir(folder)).filter((name) => /^\d+$/.test(name)).map(Number);
  return Math.max(0, ...fences);
}

async function sweepBelow(folder: string, fence: number): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    const isEarlierClaim = /^\d+$/.test(name) && Number(name) < fence;
    const isOldTemporary = name.includes('.') && (await isOlderThan(path, temporaryLifetimeMs));
    if (isEarlierClaim || isOldTemporary) await rm(path, { force: true });
  }
}

async function isOlderThan(path: string, ageMs: number): Promise<boolean> {
  const status = await ifPresent(() => stat(path));
  return status !== undefined && Date.now() - status.mtimeMs > ageMs;
}
