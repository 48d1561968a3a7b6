import { type GpuDevice, isVirtual } from '../platform/gpus/device.js';
import type { HostGpus } from '../platform/gpus/host-gpus.js';

/** A device as it is stated: with the GPU's name and driver, where the driver says so. */
export type StatedGpu = GpuDevice & { name?: string | null; driver?: string | null };

/** The devices that an attempt leased, for its statement. A driver that does not answer now is no reason to lose hours of work. */
export async function statedGpus(
  { inventory }: Pick<HostGpus, 'inventory'>,
  devices: readonly GpuDevice[],
): Promise<StatedGpu[]> {
  if (devices.every(isVirtual)) return [...devices];
  const { driver, gpus } = await inventory().catch(() => ({ driver: null, gpus: [] }));
  return devices.map((device) => {
    const of = device.mig?.parentUuid ?? device.uuid;
    return { ...device, name: gpus.find(({ uuid }) => uuid === of)?.name ?? null, driver };
  });
}
