import type { ToolRun } from './tiny-toolchain.js';

export interface DeviceUse {
  /** Two tools on one device at once. */
  overlaps: string[];
  /** Tools that saw more devices, or fewer, than their step leases. */
  wrongCounts: string[];
  /** Shares of the time from the first tool's start to the last one's end at which a tool had the device. */
  busyShares: Record<string, number>;
}

/**
 * Judges by what the tools themselves saw.
 * @param leased how many devices the job of a run leases; undefined for a job that nobody knows
 */
export function judgeDeviceUse(runs: readonly ToolRun[], leased: (job: string) => number | undefined): DeviceUse {
  const overlaps: string[] = [];
  const busyShares: Record<string, number> = {};
  const onDevices = runs.filter(({ devices }) => devices.length > 0);
  const first = Math.min(...onDevices.map(({ startedNanoseconds }) => startedNanoseconds));
  const last = Math.max(...onDevices.map(({ endedNanoseconds }) => endedNanoseconds));
  for (const device of [...new Set(onDevices.flatMap(({ devices }) => devices))].sort()) {
    const users = onDevices
      .filter(({ devices }) => devices.includes(device))
      .sort((left, right) => left.startedNanoseconds - right.startedNanoseconds);
    let latest: ToolRun | undefined;
    let busyNanoseconds = 0;
    for (const user of users) {
      busyNanoseconds += user.endedNanoseconds - user.startedNanoseconds;
      if (latest !== undefined && user.startedNanoseconds < latest.endedNanoseconds) {
        overlaps.push(`${device}: ${user.job} began while ${latest.job} ran`);
      }
      if (latest === undefined || user.endedNanoseconds > latest.endedNanoseconds) latest = user;
    }
    busyShares[device] = busyNanoseconds / (last - first);
  }
  const wrongCounts = runs
    .filter(({ job, devices }) => new Set(devices).size !== leased(job))
    .map(({ job, devices }) => `${job} saw ${devices.join(', ') || 'no device'}; it leases ${leased(job)}`);
  return { overlaps, wrongCounts, busyShares };
}
