import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { allocate, type DeviceRequest, inOrder, type Line, lineOf } from './gpus/allocate.js';
import { findDirty, type LeftOf, recheckDirty } from './gpus/clean-check.js';
import { type GpuDevice, uuidOf } from './gpus/device.js';
import {
  isOf,
  type Lease,
  type LeaseState,
  type Loan,
  leaseStateSchema,
  type Quarantine,
  type Waiter,
} from './gpus/lease-state.js';
import { lasts, lent, renewed } from './gpus/loans.js';
import { rememberedForMs } from './gpus/retry-times.js';
import { isAlive, ownIdentity } from './process/process-identity.js';
import { createVersionedState } from './versioned-state.js';

interface AcquireOptions extends DeviceRequest {
  /** Stands in the line since then, until there are devices. @default asks once, behind everybody */
  readonly waitingSince?: string | undefined;
  /** Whether it lasts as long as a revision serves. @default false */
  readonly serving?: boolean | undefined;
}

interface HandOverOptions extends AcquireOptions {
  /** Whose devices become the holder's; free ones make up the count where they are too few. */
  readonly from: string;
  /** How long they are kept after whoever had them has ended, for a holder that does not come at once. */
  readonly reservedMs: number;
}

interface LendOptions {
  /** A revision whose processes have ended. */
  readonly holder: string;
  /** The runs whose steps may lease its devices, now and until it takes them back. */
  readonly to: readonly string[];
  /** How long the loan lasts unless it is renewed. */
  readonly keptMs: number;
}

/** Who has and who waits for which devices of a host. */
interface LeaseReport {
  leases: { uuid: string; index: number; holder: string; since: string; serving: boolean }[];
  /** In the order in which they get devices. */
  waiters: Waiter[];
  quarantined: Quarantine[];
  /** What a revision has left to the steps of others: leased or not, it is kept for those. */
  loans: Loan[];
}

/** Who uses which device of this host. */
export interface GpuLeases {
  /**
   * Leases all the devices asked for, or none. A holder that has them already gets the same ones again. Free devices that
   * somebody waits for who came before are not given.
   * @returns undefined when it has to wait
   */
  acquire(options: AcquireOptions): Promise<{ devices: GpuDevice[] } | undefined>;
  /**
   * Makes devices of one holder those of another in one step, all that are asked for or none: nobody else comes between. It
   * lasts as long as `from` is active, which may still use them, and then until the new holder acquires or time is up.
   * @returns undefined when both have too few, and too few are free
   */
  handOver(options: HandOverOptions): Promise<{ devices: GpuDevice[] } | undefined>;
  /** Makes this process the owner of what the holder has: it stays leased while this process lives, also to a holder that fell. */
  keep(holder: string): Promise<void>;
  /** Leaves the holder to itself: from now on its lease lasts as long as it is active, whatever becomes of this process. */
  leave(holder: string): Promise<void>;
  /**
   * Gives back all that the holder has, and its place in the line. Waits, for seconds, until none of its processes is left on
   * its devices; one that is not clean then goes to quarantine. Does nothing when it has none.
   * @returns what was put into quarantine
   */
  release(holder: string): Promise<Quarantine[]>;
  /**
   * Leaves what a holder has to the steps of some runs, which others do not get, and which is its own again whenever it
   * acquires it and no step is on it. Waits as `release` does. Again, it says anew to whom.
   * @returns what was put into quarantine
   */
  lend(options: LendOptions): Promise<Quarantine[]>;
  /** Lets what a holder has lent last on; does nothing when that is over. */
  renewLoans(options: Pick<LendOptions, 'holder' | 'keptMs'>): Promise<void>;
  /** Where a request stands among those that wait, and since when: earlier than it was made where its holder was asked for before. */
  line(request: DeviceRequest, since: string): Promise<Line & { since: string }>;
  /** Has others given before these devices for a while: what looked at them before a tool was to use them found them bad. */
  doubt(options: { uuids: readonly string[]; forMs: number }): Promise<void>;
  /** Takes devices that have become clean out of quarantine. */
  recheck(): Promise<void>;
  list(): Promise<LeaseReport['leases']>;
  report(): Promise<LeaseReport>;
}

export interface GpuLeasesOptions {
  /** On this host, for this host: leases name its processes. */
  readonly directory: string;
  readonly devices: readonly GpuDevice[];
  /** Whether anything of the holder still runs: a supervised job, a served revision. */
  readonly isHolderActive: (holder: string) => Promise<boolean>;
  /** What is left of a holder that has ended. @default nothing is looked for */
  readonly leftOf?: LeftOf;
  /** How long `release` waits for a device to be clean: a driver needs a second or two to free 80 GB. @default 5000 */
  readonly cleanWithinMs?: number;
  /** How long a device stays in quarantine before it is looked at again: a driver takes seconds to answer. @default 5000 */
  readonly recheckAfterMs?: number;
}

const CLEAN_POLL_MS = 200;
const noneLeft: LeftOf = async () => [];

/**
 * Leases kept in files, safe among any number of processes. A lease ends by `release`; one whose owner process is dead, or
 * has left it, and whose holder is not active is forgotten by whoever needs the device, if it is clean.
 */
export function createGpuLeases(options: GpuLeasesOptions): GpuLeases {
  const { directory, devices, isHolderActive, leftOf = noneLeft } = options;
  const { cleanWithinMs = 5_000, recheckAfterMs = 5_000 } = options;
  const initial: LeaseState = { leases: [], waiters: [], quarantined: [], loans: [], doubted: [] };
  const state = createVersionedState({ directory, schema: leaseStateSchema, initial });

  const isInUse = async ({ owner, holder, handedOver }: Lease) =>
    (owner !== null && isAlive(owner)) ||
    (handedOver !== undefined && Date.parse(handedOver.until) > Date.now()) ||
    (await isHolderActive(holder)) ||
    (handedOver !== undefined && (await isHolderActive(handedOver.by)));

  const devicesOf = (held: readonly Pick<Lease, 'uuid' | 'index'>[]): GpuDevice[] =>
    devices.filter((device) => held.some((lease) => isOf(lease, device)));

  const dirty = (holder: string, held: readonly GpuDevice[]) => findDirty(leftOf, holder, held);

  /** The state without what is over: leases of the dead, who did not come again, quarantine of what is clean. */
  async function settle(now: LeaseState, kept: readonly (string | undefined)[]): Promise<LeaseState> {
    const quarantined: Quarantine[] = [];
    for (const known of now.quarantined) {
      const isDue = Date.now() - Date.parse(known.checkedAt) >= recheckAfterMs;
      const held = devicesOf([known]);
      const still = isDue && held.length > 0 ? await recheckDirty(leftOf, known, held) : known;
      if (still !== undefined) quarantined.push(still);
    }
    const leases: Lease[] = [];
    for (const lease of now.leases) {
      if (kept.includes(lease.holder) || (await isInUse(lease))) leases.push(lease);
      else quarantined.push(...(await dirty(lease.holder, devicesOf([lease]))));
    }
    const waiters = now.waiters.filter(lasts);
    const loans = now.loans.filter(lasts);
    return { leases, waiters, quarantined, loans, doubted: now.doubted.filter(lasts) };
  }

  /**
   * The place of one that asks. Several may ask for one holder, as pipelines do that need the same artifact: it stands where
   * the first of them does, whoever asks after it.
   */
  function placeOf(now: LeaseState, holder: string, asked: string): string {
    const known = now.waiters.find((waiter) => waiter.holder === holder)?.since ?? asked;
    return Date.parse(known) < Date.parse(asked) ? known : asked;
  }

  /** Puts a holder into the line, or keeps its entry alive. One that this host can never serve would only be in the way. */
  function withWaiter(now: LeaseState, request: AcquireOptions & { waitingSince: string }): LeaseState {
    const { holder, count, class: deviceClass, minimumMemoryBytes = 0, borrower, waitingSince: since } = request;
    if (allocate(initial, devices, request) === undefined) return now;
    const rememberedMs = rememberedForMs(lineOf(now, devices, request, since).position);
    const known = now.waiters.find((waiter) => waiter.holder === holder);
    // Each change is a file: who has half of its time left is as good as new.
    const isFresh = known !== undefined && Date.parse(known.until) - Date.now() > rememberedMs / 2;
    if (isFresh && known.since === since && known.count === count) return now;
    const until = new Date(Date.now() + rememberedMs).toISOString();
    const waiter = { holder, count, class: deviceClass, minimumMemoryBytes, borrower, since, until };
    return { ...now, waiters: inOrder([...now.waiters.filter((other) => other.holder !== holder), waiter]) };
  }

  async function lease(
    request: AcquireOptions & { from?: string },
    terms: () => Pick<Lease, 'owner' | 'handedOver'>,
  ): Promise<{ devices: GpuDevice[] } | undefined> {
    let chosen: GpuDevice[] | undefined;
    const { holder, waitingSince: asked, serving = false } = request;
    await state.update(async (before) => {
      const settled = await settle(before, [holder, request.from]);
      const since = asked && placeOf(settled, holder, asked);
      chosen = allocate(settled, devices, { ...request, since });
      if (chosen === undefined) {
        const next = since === undefined ? settled : withWaiter(settled, { ...request, waitingSince: since });
        return isDeepStrictEqual(next, before) ? undefined : next;
      }
      const taken = chosen.map((device): Lease => {
        const known = before.leases.find((one) => one.holder === holder && isOf(one, device));
        const named = { uuid: uuidOf(device), index: device.index, holder };
        return { ...named, since: known?.since ?? new Date().toISOString(), ...terms(), serving };
      });
      const others = settled.leases.filter(
        (one) =>
          one.holder !== holder &&
          !taken.some(({ uuid, index }) => uuid === one.uuid || (one.uuid === undefined && index === one.index)),
      );
      return {
        ...settled,
        leases: [...others, ...taken],
        loans: settled.loans.filter(
          (loan) =>
            (loan.holder !== holder && loan.holder !== request.from) || !taken.some(({ uuid }) => uuid === loan.uuid),
        ),
        waiters: settled.waiters.filter((waiter) => waiter.holder !== holder),
      };
    });
    return chosen && { devices: devices.filter((device) => chosen?.includes(device)) };
  }

  const setOwner = (holder: string, owner: Lease['owner']): Promise<void> =>
    state.update(async (now) =>
      now.leases.some((known) => known.holder === holder)
        ? { ...now, leases: now.leases.map((known) => (known.holder === holder ? { ...known, owner } : known)) }
        : undefined,
    );

  const report = async (): Promise<LeaseReport> => {
    const { leases, waiters, quarantined, loans } = await state.read();
    const listed = leases.map(({ uuid, index, holder, since, serving }) => {
      const device = devices.find((one) => isOf({ uuid, index }, one));
      return { uuid: uuid ?? (device ? uuidOf(device) : `GPU ${index}`), index, holder, since, serving };
    });
    return {
      leases: listed.toSorted((left, right) => left.index - right.index || (left.uuid < right.uuid ? -1 : 1)),
      waiters: inOrder(waiters.filter(lasts)),
      quarantined,
      loans: loans.filter(lasts),
    };
  };

  /** Ends the leases of a holder, as soon as its devices are clean. @param loansOf what it lends from then on */
  async function letGo(holder: string, loansOf: (now: LeaseState) => Loan[]): Promise<Quarantine[]> {
    const held = devicesOf((await state.read()).leases.filter((known) => known.holder === holder));
    const deadlineMs = performance.now() + cleanWithinMs;
    let left = await dirty(holder, held);
    while (left.length > 0 && performance.now() < deadlineMs) {
      await sleep(CLEAN_POLL_MS);
      left = await dirty(holder, held);
    }
    await state.update(async (now) => {
      const next = {
        ...now,
        leases: now.leases.filter((known) => known.holder !== holder),
        waiters: now.waiters.filter((known) => known.holder !== holder),
        quarantined: [...now.quarantined.filter(({ uuid }) => !left.some((one) => one.uuid === uuid)), ...left],
        loans: [...now.loans.filter((known) => known.holder !== holder), ...loansOf(now)],
      };
      return isDeepStrictEqual(next, now) ? undefined : next;
    });
    return left;
  }

  return {
    acquire: (request) => lease(request, () => ({ owner: ownIdentity() })),

    handOver: ({ reservedMs, ...request }) =>
      lease(request, () => ({
        owner: null,
        handedOver: { by: request.from, until: new Date(Date.now() + reservedMs).toISOString() },
      })),

    keep: (holder) => setOwner(holder, ownIdentity()),

    leave: (holder) => setOwner(holder, null),

    release: (holder) => letGo(holder, () => []),

    lend: ({ holder, to, keptMs }) =>
      letGo(holder, ({ leases, loans }) => {
        const had = devicesOf([...leases, ...loans].filter((known) => known.holder === holder));
        return lent(loans, { holder, to, devices: had, keptMs });
      }),

    renewLoans: (request) =>
      state.update(async (now) => {
        const loans = renewed(now.loans, request);
        return loans && { ...now, loans };
      }),

    async line(request, since) {
      const now = await state.read();
      const waiters = now.waiters.filter(lasts);
      const standing = { ...now, waiters };
      const place = placeOf(standing, request.holder, since);
      return { ...lineOf(standing, devices, request, place), since: place };
    },

    doubt: ({ uuids, forMs }) =>
      state.update(async (now) => {
        const until = new Date(Date.now() + forMs).toISOString();
        const others = now.doubted.filter(({ uuid }) => !uuids.includes(uuid));
        return { ...now, doubted: [...others, ...uuids.map((uuid) => ({ uuid, until }))] };
      }),

    async recheck() {
      await state.update(async (now) => {
        if (now.quarantined.length === 0) return undefined;
        const { quarantined } = await settle({ ...initial, quarantined: now.quarantined }, []);
        return isDeepStrictEqual(quarantined, now.quarantined) ? undefined : { ...now, quarantined };
      });
    },

    list: async () => (await report()).leases,

    report,
  };
}
