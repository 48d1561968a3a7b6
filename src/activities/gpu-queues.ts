import { gpuTaskQueue } from '../contracts/task-queues.js';
import { type GpuDevice, usableCounts } from '../platform/gpus/device.js';

/**
 * Beside those that work: steps that find no free device note their place in the line and leave. Without such slots they
 * would stand in Temporal's queue, where nobody sees what they wait for. With two of them, where 200 pipelines waited on a busy
 * host, the first in the line came to ask every twelve seconds instead of every one, and the devices stood idle.
 */
const WAITING_SLOTS = 8;

/** A queue for every number of devices that this host could lease at once, with slots for as many leases as fit. */
export function gpuQueues(
  devices: readonly GpuDevice[],
): { taskQueue: string; maxConcurrentActivityTaskExecutions: number }[] {
  const classes = [...new Set(devices.map((device) => device.class))];
  return classes.flatMap((gpuClass) => {
    const { together, alone } = usableCounts(devices, gpuClass);
    return Array.from({ length: Math.max(together, 1) }, (_, index) => index + 1).map((count) => ({
      taskQueue: gpuTaskQueue(gpuClass, count),
      maxConcurrentActivityTaskExecutions: (count === 1 ? alone : Math.floor(together / count)) + WAITING_SLOTS,
    }));
  });
}
