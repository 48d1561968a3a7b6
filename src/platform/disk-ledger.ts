import { mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { EnginesmithFailure } from '../contracts/failures.js';
import { hasCode, ifPresent } from './durable-files.js';
import { freeBytesOf } from './free-bytes.js';
import { isAbandoned, newStagingName } from './store/staging-owner.js';
import { createVersionedState } from './versioned-state.js';

/** Space that a step counts on, until it is released. */
export interface DiskReservation {
  release(): Promise<void>;
  /** Leaves it to what is still running, until that ends or a later attempt takes it over. */
  leave(): void;
}

interface DiskRequest {
  /** The same for every attempt at one thing: a later one takes the place of an earlier one. */
  id: string;
  /** For people. */
  step: string;
  /** All that will be written, what an earlier attempt has written included. */
  bytes: number;
  /** The directory that it is written to. */
  writesTo: string;
  /** Where it ends up: linked on the same file system, copied to another one. */
  into: string;
}

/** Who counts on which part of the free space, so that two steps do not count on the same. */
export interface DiskLedger {
  /**
   * Reserves space, or says what is missing. What a step has written is free space no more, and no longer reserved either.
   * @param collectable how much garbage collection would free, asked for only where space is missing; null: not known
   * @throws EnginesmithFailure `InsufficientDisk` with `known: true`: before anything was written. Final where the disk is too
   *   small now; to be tried again where only what others have reserved stands in the way
   */
  reserve(request: DiskRequest, collectable: () => Promise<number | null>): Promise<DiskReservation>;
}

const reservationSchema = z.object({
  id: z.string(),
  step: z.string(),
  bytes: z.number(),
  writesTo: z.string(),
  /** `newStagingName` of the process that holds it. */
  owner: z.string(),
  /** When it ends unless it is renewed, by `Date.now()`: hosts that share a disk cannot see each other's processes. */
  expiresAtMs: z.number(),
});
type Reservation = z.infer<typeof reservationSchema>;

const stateSchema = z.object({ reservations: z.array(reservationSchema) });

const lifetimeMs = 15 * 60_000;
const renewEveryMs = 5 * 60_000;
/** Others end sooner than this, or later: one file is read to find out. */
const retryDelayMs = 30_000;

/**
 * @param options.homes directories in which ledgers may lie, one a file system: the first one that is on the file system in
 *   question, which for a shared one is the same for all of its hosts
 * @param options.isActive whether what a reservation is for goes on without its owner, as tools do
 */
export function createDiskLedger({
  homes,
  isActive,
}: {
  homes: readonly string[];
  isActive: (id: string) => Promise<boolean>;
}): DiskLedger {
  const owner = newStagingName();

  const isLive = async ({ id, owner: of, expiresAtMs }: Reservation): Promise<boolean> => {
    if (expiresAtMs > Date.now() && !isAbandoned({ name: of, modifiedAtMs: Date.now() })) return true;
    return isActive(id);
  };

  const ledgerOf = async (directory: string) => {
    const device = await deviceOf(directory);
    for (const home of homes) {
      if ((await deviceOf(home)) === device) return stateIn(home);
    }
    return stateIn(directory);
  };

  const reserveOn = async (
    directory: string,
    request: DiskRequest,
    collectable: () => Promise<number | null>,
  ): Promise<DiskReservation> => {
    const { id, step, bytes, writesTo } = request;
    const ledger = await ledgerOf(directory);
    let missing: { neededBytes: number; freeBytes: number; reservedBytes: number } | undefined;
    const record = ledger.update(async ({ reservations }) => {
      missing = undefined;
      const others = await filterAsync(reservations, async (each) => each.id !== id && (await isLive(each)));
      const neededBytes = Math.max(0, bytes - (await allocatedBelow(writesTo)));
      const reservedBytes = (await Promise.all(others.map(remainingBytes))).reduce((sum, rest) => sum + rest, 0);
      const freeBytes = await freeBytesOf(directory);
      if (neededBytes + reservedBytes > freeBytes) missing = { neededBytes, freeBytes, reservedBytes };
      const mine = { id, step, bytes, writesTo, owner, expiresAtMs: Date.now() + lifetimeMs };
      return { reservations: missing === undefined ? [...others, mine] : others };
    });
    await record.catch((failure: unknown) => {
      if (!hasCode(failure, 'ENOSPC', 'EDQUOT')) throw failure;
      missing ??= { neededBytes: bytes, freeBytes: 0, reservedBytes: 0 };
    });
    if (missing !== undefined) throw await insufficient(directory, step, missing, collectable);

    const change = (make: (mine: Reservation) => Reservation[]): Promise<void> =>
      ledger.update(async ({ reservations }) => ({
        // Another process may have taken the request over: its reservation is its own.
        reservations: reservations.flatMap((each) => (each.id === id && each.owner === owner ? make(each) : [each])),
      }));
    const renewal = setInterval(() => {
      // One that cannot be renewed ends; the step finds the disk as it is.
      change((mine) => [{ ...mine, expiresAtMs: Date.now() + lifetimeMs }]).catch(() => undefined);
    }, renewEveryMs);
    renewal.unref();
    return {
      async release() {
        clearInterval(renewal);
        // A disk that is full takes no new ledger either; what is not released ends by itself.
        await change(() => []).catch(() => undefined);
      },
      leave: () => clearInterval(renewal),
    };
  };

  return {
    async reserve(request, collectable) {
      const { writesTo, into } = request;
      await mkdir(writesTo, { recursive: true });
      await mkdir(into, { recursive: true });
      const written = await reserveOn(writesTo, request, collectable);
      if ((await deviceOf(writesTo)) === (await deviceOf(into))) return written;
      try {
        // Nothing lies there before the copy: the directory that is counted is one that stays empty.
        const copied = await reserveOn(into, { ...request, writesTo: join(into, '.none') }, collectable);
        const both = [written, copied];
        return {
          release: async () => void (await Promise.all(both.map((each) => each.release()))),
          leave: () => both.forEach((each) => void each.leave()),
        };
      } catch (failure) {
        await written.release();
        throw failure;
      }
    },
  };
}

const stateIn = (home: string) =>
  createVersionedState({
    directory: join(home, 'reservations'),
    schema: stateSchema,
    initial: { reservations: [] },
  });

async function remainingBytes({ bytes, writesTo }: Reservation): Promise<number> {
  return Math.max(0, bytes - (await allocatedBelow(writesTo)));
}

/** Which file system a directory is on; undefined where there is no such directory. */
async function deviceOf(directory: string): Promise<number | undefined> {
  return (await ifPresent(() => stat(directory)))?.dev;
}

/** Blocks that the files below a directory have; a file of another host's cache, which is not seen here, has none. */
async function allocatedBelow(directory: string): Promise<number> {
  const entries = await ifPresent(() => readdir(directory, { recursive: true, withFileTypes: true }));
  let bytes = 0;
  for (const entry of entries ?? []) {
    if (!entry.isFile()) continue;
    bytes += ((await ifPresent(() => stat(join(entry.parentPath, entry.name))))?.blocks ?? 0) * 512;
  }
  return bytes;
}

async function insufficient(
  directory: string,
  step: string,
  missing: { neededBytes: number; freeBytes: number; reservedBytes: number },
  collectable: () => Promise<number | null>,
): Promise<EnginesmithFailure> {
  const { neededBytes, freeBytes, reservedBytes } = missing;
  const collectableBytes = await collectable().catch(() => null);
  const waits = neededBytes <= freeBytes;
  const others = reservedBytes === 0 ? '' : `, of which other steps have reserved ${gigabytes(reservedBytes)}`;
  const garbage =
    collectableBytes === null
      ? '`npx enginesmith artifacts gc --dry-run` says what can go'
      : `\`npx enginesmith artifacts gc\` would free ${gigabytes(collectableBytes)} of the store`;
  return new EnginesmithFailure(
    'InsufficientDisk',
    `${step} needs about ${gigabytes(neededBytes)} in ${directory}; ${gigabytes(freeBytes)} are free${others}. ` +
      `${waits ? 'It waits for them' : 'Free space there and run it again'}; ${garbage}.`,
    {
      retryable: waits,
      benign: waits,
      ...(waits ? { nextRetryDelayMs: retryDelayMs } : {}),
      context: { known: true, step, directory, neededBytes, freeBytes, reservedBytes, collectableBytes },
    },
  );
}

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(bytes < 10e9 ? 2 : 0)} GB`;

async function filterAsync<Item>(items: readonly Item[], test: (item: Item) => Promise<boolean>): Promise<Item[]> {
  const passed = await Promise.all(items.map(test));
  return items.filter((_, index) => passed[index]);
}
