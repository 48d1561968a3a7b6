import { uuidOf } from '../../platform/gpus/device.js';
import { type Check, fail, gibibytes, ok } from '../check.js';

/**
 * What others may use of a GPU that a step gets whole: a desktop's share, not a forgotten notebook's. Estimates and builds take
 * the rest for granted.
 */
const OTHERS_SHARE = 0.05;

/** Memory that processes which are not ours have, on devices that nobody has leased. */
export const gpuMemory: Check = {
  name: 'gpu-memory',
  beforeTools: true,
  async run({ gpus, devices, leases }) {
    if ('problem' in gpus) return [];
    const { gpus: listed, driver } = await gpus.inventory();
    if (driver === null) return [];
    const [processes, { leases: held }] = await Promise.all([gpus.processes(), leases.report()]);
    return devices.flatMap((device) => {
      const uuid = uuidOf(device);
      const gpu = listed.find((one) => one.uuid === uuid);
      const holder = held.find((lease) => lease.uuid === uuid)?.holder;
      if (holder !== undefined) return [ok(`GPU ${device.index} is leased to ${holder}`)];
      // Of a MIG instance the driver counts no memory of its own.
      if (gpu?.memoryTotalBytes == null || gpu.memoryUsedBytes === null) return [];
      if (gpu.memoryUsedBytes <= gpu.memoryTotalBytes * OTHERS_SHARE) {
        return [ok(`GPU ${device.index}: ${gibibytes(gpu.memoryTotalBytes - gpu.memoryUsedBytes)} free`)];
      }
      const by = processes.filter((process) => process.uuid === uuid).map(({ pid, name }) => `${pid} ${name}`.trim());
      const found = `${gibibytes(gpu.memoryUsedBytes)} of ${gibibytes(gpu.memoryTotalBytes)} of GPU ${device.index} are used by ${by.join(', ') || 'processes that this host does not show'}`;
      const remedy = 'End them, or list the other GPUs only in `devices` of toolchain.json.';
      return [{ ...fail(found, remedy), gpu: uuid }];
    });
  },
};
