import { type GpuDevice, uuidOf } from './device.js';
import { isOf, type LeaseState, type Waiter } from './lease-state.js';
import { keepsFrom, lent } from './loans.js';

/** What a holder asks for. */
export interface DeviceRequest {
  readonly holder: string;
  readonly count: number;
  /** Only devices of this class. @default any */
  readonly class?: string | undefined;
  /** Only devices with at least so much memory each. @default 0 */
  readonly minimumMemoryBytes?: number | undefined;
  /** The run that it is a step of: what is lent to that is as good as free. @default none */
  readonly borrower?: string | undefined;
}

/** Devices that could serve a request if nobody had them: CUDA shows a tool one MIG instance at most. */
const suitableFor = (
  devices: readonly GpuDevice[],
  { count, class: deviceClass, minimumMemoryBytes = 0 }: Omit<DeviceRequest, 'holder'>,
): GpuDevice[] =>
  devices
    .filter((device) => deviceClass === undefined || device.class === deviceClass)
    .filter((device) => device.memoryBytes >= minimumMemoryBytes)
    .filter((device) => count === 1 || device.mig === undefined);

/** First come, first served; the name decides between two that came in the same millisecond. */
export const inOrder = (waiters: readonly Waiter[]): Waiter[] =>
  waiters.toSorted(
    (left, right) => Date.parse(left.since) - Date.parse(right.since) || (left.holder < right.holder ? -1 : 1),
  );

export interface Line {
  /** Those before a request that compete with it for devices, in order. */
  ahead: Waiter[];
  /** Where the request stands, from 1. */
  position: number;
  /** Those whose serving keeps the request waiting once every step has ended; none where that is enough. */
  servedBy: string[];
  /** Those of them that could end this by lending what they have: at once, or, where that is lent already, with its steps. */
  sufficient: string[];
}

/**
 * Where a request that is made since a moment stands in the line.
 * @param since undefined: behind everybody
 */
export function lineOf(
  state: LeaseState,
  devices: readonly GpuDevice[],
  request: DeviceRequest,
  since: string | undefined,
): Line {
  const ahead = aheadOf(state, devices, request, since);
  const suitable = suitableFor(devices, request);
  const serving = [
    ...state.leases.filter((lease) => lease.serving && lease.holder !== request.holder),
    ...state.loans.filter((loan) => keepsFrom(request, loan)),
  ]
    .filter((one) => suitable.some((device) => isOf(one, device)))
    .map(({ holder }) => holder);
  const servedBy = couldBeServed(request, state, devices) ? [] : [...new Set(serving)];
  const sufficient = servedBy.filter((holder) => {
    const lends = lentByHolder(state, devices, holder, request);
    if (!couldBeServed(request, lends, devices)) return false;
    // What is lent already serves nothing: who joins those that it is lent to may wait for their steps.
    const hasLent = state.loans.some((loan) => loan.holder === holder);
    return hasLent || allocate(lends, devices, { ...request, since }) !== undefined;
  });
  return { ahead, position: ahead.length + 1, servedBy, sufficient };
}

/** Those before a request that compete with it for devices, in order. */
function aheadOf(
  state: LeaseState,
  devices: readonly GpuDevice[],
  request: DeviceRequest,
  since: string | undefined,
): Waiter[] {
  const suitable = new Set(suitableFor(devices, request));
  const others = inOrder(state.waiters).filter(({ holder }) => holder !== request.holder);
  const earlier = others.filter(
    (waiter) =>
      since === undefined ||
      Date.parse(waiter.since) < Date.parse(since) ||
      (Date.parse(waiter.since) === Date.parse(since) && waiter.holder < request.holder),
  );
  return earlier.filter((waiter) => suitableFor(devices, waiter).some((device) => suitable.has(device)));
}

/** The state if a holder lent all that it has to the run of a request. */
function lentByHolder(
  state: LeaseState,
  devices: readonly GpuDevice[],
  holder: string,
  { borrower }: DeviceRequest,
): LeaseState {
  const isOthers = (one: { holder: string }): boolean => one.holder !== holder;
  const had = [...state.leases, ...state.loans].filter((one) => !isOthers(one));
  const lending = devices.filter((device) => had.some((one) => isOf(one, device)));
  const to = borrower === undefined ? [] : [borrower];
  return {
    ...state,
    leases: state.leases.filter(isOthers),
    loans: [...state.loans.filter(isOthers), ...lent([], { holder, to, devices: lending, keptMs: 0 })],
  };
}

/**
 * Chooses devices for a request: those that it has or has lent, then those of `from`, then free ones that nobody before it waits for. A
 * waiter before it keeps free devices from it, also where they do not suffice for that waiter yet; not where only the end of
 * something that serves could: nobody knows when that is, and the devices would stand idle.
 * @returns undefined when it has to wait
 */
export function allocate(
  state: LeaseState,
  devices: readonly GpuDevice[],
  { from, since, ...request }: DeviceRequest & { from?: string | undefined; since?: string | undefined },
): GpuDevice[] | undefined {
  const isDoubted = (device: GpuDevice) => state.doubted.some(({ uuid }) => uuid === uuidOf(device));
  const inPreference = [...devices.filter((device) => !isDoubted(device)), ...devices.filter(isDoubted)];
  const suitable = suitableFor(inPreference, request);
  const isUnused = (device: GpuDevice) =>
    !state.leases.some((lease) => isOf(lease, device)) &&
    !state.quarantined.some(({ uuid }) => uuid === uuidOf(device));
  const heldBy = (name: string | undefined) => [
    ...state.leases
      .filter(({ holder }) => holder === name)
      .flatMap((lease) => suitable.filter((device) => isOf(lease, device))),
    ...state.loans
      .filter(({ holder }) => holder === name)
      .flatMap((loan) => suitable.filter((device) => isOf(loan, device) && isUnused(device))),
  ];
  const own = [...heldBy(request.holder), ...heldBy(from)].slice(0, request.count);
  if (own.length === request.count) return own;
  const mayHave = (who: DeviceRequest) => (device: GpuDevice) =>
    !state.loans.some((loan) => isOf(loan, device) && keepsFrom(who, loan));
  let free = inPreference.filter((device) => isUnused(device) && !own.includes(device));
  for (const waiter of aheadOf(state, devices, request, since)) {
    if (!couldBeServed(waiter, state, devices)) continue;
    const kept = suitableFor(free.filter(mayHave(waiter)), waiter).slice(0, waiter.count);
    free = free.filter((device) => !kept.includes(device));
  }
  const ofFree = suitable.filter((device) => free.includes(device)).filter(mayHave(request));
  const chosen = [...own, ...ofFree].slice(0, request.count);
  return chosen.length < request.count ? undefined : chosen;
}

/** Whether a waiter gets its devices once every step that runs has ended. */
function couldBeServed(
  waiter: DeviceRequest,
  { leases, quarantined, loans }: LeaseState,
  devices: readonly GpuDevice[],
): boolean {
  const obtainable = suitableFor(devices, waiter)
    .filter((device) => !quarantined.some(({ uuid }) => uuid === uuidOf(device)))
    .filter((device) => !leases.some((lease) => lease.serving && lease.holder !== waiter.holder && isOf(lease, device)))
    .filter((device) => !loans.some((loan) => keepsFrom(waiter, loan) && isOf(loan, device)));
  return obtainable.length >= waiter.count;
}
