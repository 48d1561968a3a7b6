import { randomBytes } from 'node:crypto';
import { open, readdir, rm, rmdir, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import type { ActionKey } from '../../contracts/artifacts.js';
import { EnginesmithFailure } from '../../contracts/failures.js';
import { hasCode, ifPresent, makeDirectoryDurably, publishFile, writeDurably } from '../durable-files.js';
import { parseJson } from '../parse-json.js';
import { isSha256, sharded } from './layout.js';
import { isAbandoned, newStagingName } from './staging-owner.js';

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
  /** Releases the claim and leaves no trace of it: what the key names is made. Does nothing when it has been taken over. */
  retire(): Promise<void>;
}

export interface ClaimHeld {
  heldBy: string;
  expiresAt: Date;
}

export interface Claims {
  /**
   * Claims a key, also over an expired claim, over one whose process was killed on this host, and over one of the same owner:
   * a retried attempt need not wait for its predecessor, which is fenced off.
   * @param options.ttlMs how long the claim holds without renewal; well above the difference of the hosts' clocks
   */
  claim(options: { key: ActionKey; owner: string; ttlMs: number }): Promise<Claim | ClaimHeld>;
  /** Keys whose claims were not retired, and when each was last claimed, renewed or released. */
  list(): Promise<{ key: ActionKey; changedAtMs: number }[]>;
}

/** `process` names the claim as well: no two have the same (`newStagingName`). Earlier releases wrote none. */
const claimSchema = z.object({ owner: z.string(), ttlMs: z.number(), process: z.string().default('') });

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
      for (;;) {
        await makeDirectoryDurably(folder);
        const current = await currentClaim(folder);
        if (current && current.owner !== owner && current.expiresAt.getTime() > Date.now()) {
          return { heldBy: current.owner, expiresAt: current.expiresAt };
        }
        const fence = (current?.fence ?? 0) + 1;
        const process = newStagingName();
        if (await tryFence({ folder, fence, owner, ttlMs, process }))
          return createClaim({ folder, fence, key, process });
      }
    },
    async list() {
      const keys = (
        await Promise.all((await namesIn(directory)).map((shard) => namesIn(join(directory, shard))))
      ).flat();
      const found = keys.filter(isSha256).map(async (key) => {
        const folder = join(directory, ...sharded(key));
        const statuses = (await namesIn(folder)).map((name) => ifPresent(() => stat(join(folder, name))));
        // The change time: a release sets the modification time back.
        const changes = (await Promise.all(statuses)).map((status) => status?.ctimeMs ?? 0);
        return { key, changedAtMs: Math.max(0, ...changes) };
      });
      return Promise.all(found);
    },
  };
}

function createClaim(options: { folder: string; fence: number; key: ActionKey; process: string }): Claim {
  const { folder, fence, key, process } = options;
  const isHeld = async () => (await currentClaim(folder))?.process === process;
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
      // After a retirement the same number may be somebody else's.
      if (await isHeld()) await touch(new Date(0));
    },
    async retire() {
      if (!(await isHeld())) return;
      await rm(join(folder, String(fence)), { force: true });
      try {
        await rmdir(folder);
      } catch (error) {
        // Somebody claims at this moment; he will find what was made.
        if (!hasCode(error, 'ENOTEMPTY', 'ENOENT')) throw error;
      }
    },
  };
}

/** @returns false when someone else was faster, or has retired the key */
async function tryFence(options: z.infer<typeof claimSchema> & { folder: string; fence: number }): Promise<boolean> {
  const { folder, fence, owner, ttlMs, process } = options;
  const temporary = join(folder, `${fence}.${randomBytes(6).toString('hex')}`);
  const won = await ifPresent(async () => {
    await writeDurably(temporary, JSON.stringify({ owner, ttlMs, process }));
    return publishFile(temporary, join(folder, String(fence)));
  });
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
      const { owner = 'unknown', process = '', ttlMs } = data ?? {};
      const isLost = ttlMs === undefined || isAbandoned({ name: process, modifiedAtMs: mtimeMs });
      return { fence, owner, process, expiresAt: new Date(isLost ? 0 : mtimeMs + ttlMs) };
    } finally {
      await handle.close();
    }
  });
}

/** @returns 0 when the key was never claimed */
async function greatestFence(folder: string): Promise<number> {
  const fences = (await namesIn(folder)).filter((name) => /^\d+$/.test(name)).map(Number);
  return Math.max(0, ...fences);
}

const namesIn = async (folder: string): Promise<string[]> => (await ifPresent(() => readdir(folder))) ?? [];

async function sweepBelow(folder: string, fence: number): Promise<void> {
  for (const name of await namesIn(folder)) {
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
