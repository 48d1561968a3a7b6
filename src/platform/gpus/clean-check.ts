import { identityOf, isAlive } from '../process/process-identity.js';
import { type GpuDevice, uuidOf } from './device.js';
import type { Quarantine } from './lease-state.js';

/** A process of a holder that is still there. */
export interface LeftProcess {
  pid: number;
  /** The device that it is on; null where that cannot be told, so that it may be on any of the holder's. */
  uuid: string | null;
}

/** What is left of a holder that has ended, on devices that it had. */
export type LeftOf = (holder: string, devices: readonly GpuDevice[]) => Promise<LeftProcess[]>;

/**
 * Which of these devices of a holder are not clean, as they go to quarantine. A driver that does not answer vouches for none.
 */
export async function findDirty(leftOf: LeftOf, holder: string, held: readonly GpuDevice[]): Promise<Quarantine[]> {
  if (held.length === 0) return [];
  const now = new Date().toISOString();
  const entry = (device: GpuDevice, reason: string, pids: number[]): Quarantine => {
    const named = { uuid: uuidOf(device), index: device.index, holder };
    const processes = pids.map(identityOf).filter((identity) => identity !== undefined);
    return { ...named, reason, pids, processes, since: now, checkedAt: now };
  };
  try {
    const left = await leftOf(holder, held);
    return held.flatMap((device) => {
      const pids = left.filter(({ uuid }) => uuid === null || uuid === uuidOf(device)).map(({ pid }) => pid);
      if (pids.length === 0) return [];
      return [entry(device, `processes of ${holder} are left on it`, [...new Set(pids)])];
    });
  } catch (failure) {
    const said = failure instanceof Error ? failure.message.split('\n')[0] : `${failure}`;
    return held.map((device) => entry(device, `nobody can say whether it is clean: ${said}`, []));
  }
}

/** Whether a device in quarantine has become clean. @returns its entry, as it is now; undefined when it has */
export async function recheckDirty(
  leftOf: LeftOf,
  known: Quarantine,
  held: readonly GpuDevice[],
): Promise<Quarantine | undefined> {
  const [found] = await findDirty(leftOf, known.holder, held);
  if (found !== undefined) return { ...found, since: known.since };
  const processes = known.processes.filter(isAlive);
  if (processes.length === 0) return undefined;
  return { ...known, processes, pids: processes.map(({ pid }) => pid), checkedAt: new Date().toISOString() };
}
