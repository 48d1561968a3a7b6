import { activityInfo, log } from '@temporalio/activity';
import { borrowerName } from '../contracts/deployment.js';
import { EnginesmithFailure } from '../contracts/failures.js';
import type { GpuLeases } from '../platform/gpu-leases.js';
import type { Line } from '../platform/gpus/allocate.js';
import type { GpuDevice } from '../platform/gpus/device.js';
import type { Quarantine } from '../platform/gpus/lease-state.js';
import { retryAfterMs } from '../platform/gpus/retry-times.js';
import { activityRun } from './attempt.js';
import { retryForOthersMs } from './retry-for-others.js';

interface WantedGpus {
  holder: string;
  count: number;
  class: string;
  /** Whether it lasts as long as a revision serves. @default false */
  serving?: boolean;
  /** Whether it stands in the line, or asks once. @default true */
  waits?: boolean;
  /**
   * Called where only the end of something that serves would free enough. It may throw instead of waiting.
   * @returns what it has done, for the message
   */
  whenServed?: (served: Served) => Promise<string>;
}

/** Who serves from the GPUs that a step needs, and those of them whose GPUs alone would be enough. */
export type Served = Pick<Line, 'servedBy' | 'sufficient'>;

/**
 * Since when the running activity waits: since it was scheduled, whatever became of earlier attempts and their workers.
 */
export const waitingSince = (): string => new Date(activityInfo().scheduledTimestampMs).toISOString();

/**
 * Leases devices of one class for a holder, which gets the same ones again after a restart.
 * @returns none for a step that needs none
 * @throws EnginesmithFailure `NoFreeGpu`, benign, with its place in the line and who has the devices; until it asks again it
 *   holds no slot
 */
export async function leaseGpus(leases: GpuLeases, wanted: WantedGpus): Promise<GpuDevice[]> {
  const { holder, count, class: gpuClass, serving = false, waits = true, whenServed } = wanted;
  if (count === 0) return [];
  const request = { holder, count, class: gpuClass };
  // What serves borrows nothing: it would be ended by whoever has lent it.
  const asking = serving ? request : { ...request, borrower: borrowerName(activityRun()) };
  const since = waitingSince();
  const lease = await leases.acquire({ ...asking, serving, ...(waits ? { waitingSince: since } : {}) });
  if (lease !== undefined) return lease.devices;
  const { position, servedBy, sufficient, since: place } = await leases.line(asking, since);
  // Another pipeline that needs the same artifact came first, and asks for it.
  const isAskedFor = Date.parse(place) < Date.parse(since);
  const done = servedBy.length > 0 ? await whenServed?.({ servedBy, sufficient }) : undefined;
  throw new EnginesmithFailure(
    'NoFreeGpu',
    `${count} GPU(s) of class ${gpuClass} are needed${waits ? `, waiting since ${since}, position ${position}` : ''}; leased ` +
      `are ${await holdersOfGpus(leases)}. ` +
      (done ?? 'It goes on when one is freed; `npx enginesmith stop NAME` ends a deployment.'),
    {
      benign: true,
      nextRetryDelayMs: Math.max(retryAfterMs(position), isAskedFor ? retryForOthersMs() : 0),
      context: { ...request, position, since },
    },
  );
}

/** Gives back what a holder has; what it leaves on a device puts that into quarantine. */
export async function freeGpus(leases: GpuLeases, holder: string): Promise<void> {
  warnOfQuarantine(await leases.release(holder));
}

/** Says in the worker's log what was not clean when its holder left it. */
export function warnOfQuarantine(left: readonly Quarantine[]): void {
  for (const { index, uuid, reason, pids } of left) {
    log.warn('a GPU is not clean and goes to quarantine', { index, uuid, reason, pids });
  }
}

/** Who has which GPU of this host, and which are in quarantine, for a message. */
export async function holdersOfGpus(leases: GpuLeases): Promise<string> {
  const { leases: held, quarantined, loans } = await leases.report();
  const said = [
    ...held.map(({ index, holder, since }) => `GPU ${index} by ${holder} since ${since}`),
    ...loans.map(({ index, holder, since }) => `GPU ${index} lent by ${holder} since ${since}`),
    ...quarantined.map(({ index, holder }) => `GPU ${index} in quarantine after ${holder} (\`npx enginesmith gpus\`)`),
  ];
  return said.join(', ') || 'none, so this host has too few';
}
