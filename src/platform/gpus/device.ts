/** What steps and served revisions lease: a GPU, an instance of one in MIG mode, or a virtual device of the CPU reference. */
export interface GpuDevice {
  /** As the driver counts; instances of one GPU share it. For people: the driver may count otherwise after a restart. */
  readonly index: number;
  /** As in `sm90`, `cpu`. */
  readonly class: string;
  readonly memoryBytes: number;
  /** As `nvidia-smi -L` prints it: names the device whatever order CUDA and the driver count in. */
  readonly uuid?: string | undefined;
  /** The GPU that an instance is part of, and its profile, as in `3g.40gb`. */
  readonly mig?: { readonly parentUuid: string; readonly profile: string } | undefined;
}

/** Devices of a class that is no architecture are threads of the host, as the CPU reference declares them. */
export const isVirtual = ({ class: deviceClass }: Pick<GpuDevice, 'class'>): boolean => !/^sm\d+$/.test(deviceClass);

/** The driver's name of a device; one that has none, because it is virtual, gets one that lasts. */
export const uuidOf = ({ uuid, class: deviceClass, index }: GpuDevice): string =>
  uuid ?? `VIRTUAL-${deviceClass}-${index}`;

/** What CUDA_VISIBLE_DEVICES is for a tool that may use these devices and no others. */
export const visibleDevices = (devices: readonly GpuDevice[]): string => devices.map(uuidOf).join(',');

/**
 * How many devices of a class one tool can use together, and how many it can use alone. CUDA shows a process one MIG instance
 * at most (MIG User Guide, CUDA Device Enumeration), so that instances are for tools of one GPU.
 */
export function usableCounts(devices: readonly GpuDevice[], deviceClass: string): { together: number; alone: number } {
  const ofClass = devices.filter((device) => device.class === deviceClass);
  return { together: ofClass.filter(({ mig }) => mig === undefined).length, alone: ofClass.length };
}
