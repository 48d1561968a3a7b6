import { existsSync } from 'node:fs';
import type { LeftProcess } from './clean-check.js';
import { type GpuDevice, uuidOf } from './device.js';
import type { HostGpus } from './host-gpus.js';

/**
 * The processes of a holder that may still be on its devices: those that are known to be its own, wherever the driver sees
 * them, and those that the driver sees on its devices and this process does not see at all. A container that the holder
 * started has pids of its own, and a device that is leased is nobody else's.
 * @param ownProcesses everything alive that the holder has started
 * @throws EnginesmithFailure `PrerequisiteMissing` when the driver does not answer
 */
export async function leftProcesses(
  { gpus, ownProcesses }: { gpus: Pick<HostGpus, 'processes'>; ownProcesses: readonly number[] },
  devices: readonly GpuDevice[],
): Promise<LeftProcess[]> {
  const seen = await gpus.processes();
  const strangers = seen.filter(({ pid }) => !existsSync(`/proc/${pid}`));
  return [
    ...ownProcesses.map((pid) => ({ pid, uuid: null })),
    ...devices.flatMap((device) =>
      strangers.filter(({ uuid }) => uuid === uuidOf(device)).map(({ pid }) => ({ pid, uuid: uuidOf(device) })),
    ),
  ];
}
