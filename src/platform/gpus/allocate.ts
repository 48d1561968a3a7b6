import { type GpuDevice, uuidOf } from './device.js';
import { isOf, type LeaseState, type Waiter } from './lease-state.js';

/** What a holder asks for. */
export interface DeviceRequest {
  readonly holder: string;
  readonly count: number;
  /** Only devices of this class. @default any */
  readonly class?: string | undefined;
  /** Only devices with at least so much memory each. @default 0 */
  readonly minimumMemoryBytes?: number | undefined;
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
  const suitable = new Set(suitableFor(devices, request));
  const others = inOrder(state.waiters).filter(({ holder }) => holder !== request.holder);
  const earlier = others.filter(
    (waiter) =>
      since === undefined ||
      Date.parse(waiter.since) < Date.parse(since) ||
      (Date.parse(waiter.since) === Date.parse(since) && waiter.holder < request.holder),
  );
  const ahead = earlier.filter((waiter) => suitableFor(devices, waiter).some((device) => suitable.has(device)));
  const serving = state.leases
    .filter((lease) => lease.serving && lease.holder !== request.holder)
    .filter((lease) => [...suitable].some((device) => isOf(lease, device)))
    .map(({ holder }) => holder);
  const servedBy = couldBeServed(request, state, devices) ? [] : [...new Set(serving)];
  return { ahead, position: ahead.length + 1, servedBy };
}

/**
 * Chooses devices for a request: those that it has, then those of `from`, then free ones that nobody before it waits for. A
 * waiter before it keeps free devices from it, also where they do not suffice for that waiter yet; not where only the end of
 * something that serves could: nobody knows when that is, and the devices would stand idle.
 * @returns undefined when it has to wait
 */
export function allocate(
  state: LeaseState,
  devices: readonly GpuDevice[],
  { from, since, ...request }: DeviceRequest & { from?: string | undefined; since?: string | undefined },
): GpuDevice[] | undefined {
  const suitable = suitableFor(devices, request);
  const heldBy = (name: string | undefined) =>
    state.leases
      .filter(({ holder }) => holder === name)
      .flatMap((lease) => suitable.filter((device) => isOf(lease, device)));
  const own = [...heldBy(request.holder), ...heldBy(from)].slice(0, request.count);
  if (own.length === request.count) return own;
  let free = devices.filter(
    (device) =>
      !state.leases.some((lease) => isOf(lease, device)) &&
      !state.quarantined.some(({ uuid }) => uuid === uuidOf(device)),
  );
  for (const waiter of lineOf(state, devices, request, since).ahead) {
    if (!couldBeServed(waiter, state, devices)) continue;
    const kept = suitableFor(free, waiter).slice(0, waiter.count);
    free = free.filter((device) => !kept.includes(device));
  }
  const chosen = [...own, ...suitable.filter((device) => free.includes(device))].slice(0, request.count);
  return chosen.length < request.count ? undefined : chosen;
}

/** Whether a waiter gets its devices once every step that runs has ended. */
function couldBeServed(
  waiter: DeviceRequest,
  { leases, quarantined }: LeaseState,
  devices: readonly GpuDevice[],
): boolean {
  const obtainable = suitableFor(devices, waiter)
    .filter((device) => !quarantined.some(({ uuid }) => uuid === uuidOf(device)))
    .filter(
      (device) => !leases.some((lease) => lease.serving && lease.holder !== waiter.holder && isOf(lease, device)),
    );
  return obtainable.length >= waiter.count;
}
