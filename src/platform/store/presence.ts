import { randomBytes } from 'node:crypto';
import { access, link, open, readdir, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pLimit from 'p-limit';
import type { Digest } from '../../contracts/artifacts.js';
import { EnginesmithFailure } from '../../contracts/failures.js';
import { hasCode, ifPresent, makeDirectoryDurably, publishDirectory, unlessMissing } from '../durable-files.js';
import { isSha256, manifestFileName, type StoreLayout } from './layout.js';
import { isAbandoned, newStagingName } from './staging-owner.js';

const condemnedPrefix = 'condemned-';
const takenName = 'taken';
const usedName = 'used';

/** Often enough for a grace time of minutes, and no write for each of the hundred reads of a pipeline. */
const touchEveryMs = 60_000;

/** Between taking an artifact and moving it away lie two system calls. Whoever took longer, and cannot be seen, is gone. */
const takenForMs = 5 * 60_000;
const waitForTakerMs = 10_000;

/** A collector's intention to remove an artifact, which every user of it can undo until it is taken. */
export interface Condemnation {
  /** Makes it final. @returns false when somebody has come to need the artifact, or another collector was faster */
  take(): Promise<boolean>;
  /** Gives the intention up. */
  spare(): Promise<void>;
}

/**
 * Who needs an artifact and who removes it, beside each other and without a lock; see docs/adr/0017. A user first says that
 * it needs the artifact, then removes the marks of those who would collect it, and then looks whether it was taken. A
 * collector first leaves a mark, then looks who needs the artifact, and then turns its own mark into `taken`, which fails
 * once the mark is gone. So one of the two always sees the other, and what was taken is never used again.
 */
export interface Presence {
  /**
   * Says that an artifact is used now, and keeps it from being collected for the grace time; for longer after a root or a
   * pin was written. @returns false when it is not there, or is being removed: it counts as missing
   */
  hold(digest: Digest): Promise<boolean>;
  /** Whether an artifact's directory is there only to be removed. */
  isTaken(digest: Digest): Promise<boolean>;
  /** When it was last held, or made; by the clock of the file system. Undefined when it is not there. */
  usedAtMs(digest: Digest): Promise<number | undefined>;
  /** @returns undefined when it is not there */
  condemn(digest: Digest): Promise<Condemnation | undefined>;
  /** Removes what this process has taken. */
  bury(digest: Digest): Promise<void>;
  /**
   * Waits until a directory that was taken is out of the way, and removes it in place of a collector that was killed.
   * @throws ClaimHeld, benign, when a living one takes too long
   */
  clear(digest: Digest): Promise<void>;
  /** Ends the removals that killed collectors have begun: of these artifacts, and of what they had moved away. */
  sweep(digests: readonly Digest[]): Promise<void>;
}

export function createPresence(layout: StoreLayout): Presence {
  const inside = (digest: Digest, name: string) => join(layout.artifact(digest), name);

  const isTaken = (digest: Digest) => exists(inside(digest, takenName));

  const usedAtMs: Presence['usedAtMs'] = async (digest) => {
    const madeAt = await modifiedAt(inside(digest, manifestFileName));
    return madeAt === undefined ? undefined : Math.max(madeAt, (await modifiedAt(inside(digest, usedName))) ?? 0);
  };

  const touch = async (digest: Digest): Promise<void> => {
    const used = inside(digest, usedName);
    const at = await modifiedAt(used);
    if (at !== undefined && Math.abs(Date.now() - at) < touchEveryMs) return;
    await ifPermitted(async () => {
      const now = new Date();
      if (!(await unlessMissing(() => utimes(used, now, now)))) await writeFile(used, '', { flag: 'a' });
    });
  };

  const hold: Presence['hold'] = async (digest) => {
    const held = await ifPresent(async () => {
      await touch(digest);
      const names = await readdir(layout.artifact(digest));
      for (const name of names.filter((each) => each.startsWith(condemnedPrefix))) {
        await ifPermitted(() => rm(inside(digest, name), { force: true }));
      }
      // After the marks: a mark that is missed because it is being turned into this one shows here.
      return !(await isTaken(digest)) && (await exists(inside(digest, manifestFileName)));
    });
    return held ?? false;
  };

  const deleteTrash = async (path: string): Promise<void> => {
    // A taker that slept for minutes between two system calls may have moved a new artifact away: it goes back.
    const digest = basename(path).slice(0, 64);
    const isOurs = (await exists(join(path, takenName))) || !(await exists(join(path, manifestFileName)));
    if (!isOurs && isSha256(digest) && (await publishDirectory(path, layout.artifact(digest)))) return;
    // The manifest first: what a killed removal leaves must never look like an artifact.
    await rm(join(path, manifestFileName), { force: true });
    await rm(path, { recursive: true, force: true });
  };

  const bury: Presence['bury'] = async (digest) => {
    const to = join(layout.trash, `${digest}-${randomBytes(6).toString('hex')}`);
    await makeDirectoryDurably(layout.trash);
    if (await unlessMissing(() => rename(layout.artifact(digest), to))) await deleteTrash(to);
  };

  /** Removes what a collector has taken that is gone itself. */
  const buryAbandoned = async (digest: Digest): Promise<void> => {
    const taker = await readTaker(inside(digest, takenName));
    if (taker === undefined) return;
    if (isAbandoned(taker) || Math.abs(Date.now() - taker.modifiedAtMs) > takenForMs) await bury(digest);
  };

  return {
    hold,
    isTaken,
    usedAtMs,
    async condemn(digest) {
      const name = newStagingName();
      const mark = inside(digest, `${condemnedPrefix}${name}`);
      if (!(await unlessMissing(() => writeMark(mark, name)))) return undefined;
      return {
        take: async () => {
          try {
            const now = new Date();
            await utimes(mark, now, now);
            await link(mark, inside(digest, takenName));
            return true;
          } catch (error) {
            if (hasCode(error, 'ENOENT', 'EEXIST')) return false;
            throw error;
          }
        },
        spare: () => rm(mark, { force: true }),
      };
    },
    bury,
    async clear(digest) {
      const deadline = Date.now() + waitForTakerMs;
      while (await isTaken(digest)) {
        await buryAbandoned(digest);
        if (Date.now() > deadline) throw beingRemoved(digest);
        await sleep(20);
      }
    },
    async sweep(digests) {
      const limit = pLimit(16);
      await Promise.all(digests.map((digest) => limit(() => buryAbandoned(digest))));
      const names = (await ifPresent(() => readdir(layout.trash))) ?? [];
      for (const name of names) await deleteTrash(join(layout.trash, name));
    },
  };
}

const beingRemoved = (digest: Digest): EnginesmithFailure =>
  new EnginesmithFailure('ClaimHeld', `artifact ${digest.slice(0, 12)} is being removed by a garbage collection`, {
    benign: true,
    nextRetryDelayMs: 2_000,
    context: { digest },
  });

async function readTaker(path: string): Promise<{ name: string; modifiedAtMs: number } | undefined> {
  return ifPresent(async () => {
    const handle = await open(path, 'r');
    try {
      return { name: await handle.readFile('utf8'), modifiedAtMs: (await handle.stat()).mtimeMs };
    } finally {
      await handle.close();
    }
  });
}

/** Its content says who takes, once it is linked to its other name. A full disk takes an empty file: that must do there. */
async function writeMark(path: string, owner: string): Promise<void> {
  const handle = await open(path, 'wx');
  try {
    await handle.writeFile(owner);
  } catch (error) {
    if (!hasCode(error, 'ENOSPC', 'EDQUOT', 'EFBIG')) throw error;
  } finally {
    await handle.close();
  }
}

/** Opened, not only looked at: that is what makes a network file system ask its server. */
async function modifiedAt(path: string): Promise<number | undefined> {
  return ifPresent(async () => {
    const handle = await open(path, 'r');
    try {
      return (await handle.stat()).mtimeMs;
    } finally {
      await handle.close();
    }
  });
}

const exists = (path: string): Promise<boolean> => unlessMissing(() => access(path));

/** Who may only read the store cannot say that it uses something; nor can it harm anybody. */
async function ifPermitted(operation: () => Promise<void>): Promise<void> {
  try {
    await operation();
  } catch (error) {
    if (!hasCode(error, 'EACCES', 'EPERM', 'EROFS')) throw error;
  }
}
