import { EnginesmithFailure } from '../../contracts/failures.js';
import { type GpuDevice, isVirtual, uuidOf } from './device.js';
import { type GpuInventory, readInventory, readProcesses } from './inventory.js';
import { createNvidiaSmi } from './nvidia-smi.js';
import type { GpuProcess } from './nvidia-smi-output.js';

/** A device as toolchain.json names it: a virtual one whole, a real one by its UUID, or by its index. */
export interface DeclaredDevice {
  uuid?: string | undefined;
  index?: number | undefined;
  class?: string | undefined;
  memoryBytes?: number | undefined;
}

/** The devices of this host that a toolchain may use, and what is known of them. */
export interface HostGpus {
  /** As they were when this was opened. */
  readonly devices: readonly GpuDevice[];
  /** All GPUs as they are now. @throws EnginesmithFailure `PrerequisiteMissing` when the driver does not answer */
  inventory(): Promise<GpuInventory>;
  /** Every process on any GPU; none on virtual devices, where no driver counts. @throws as `inventory` */
  processes(): Promise<GpuProcess[]>;
}

/**
 * Takes stock of a toolchain's devices on this host.
 * @param declared what toolchain.json lists; undefined, all GPUs that the driver lists
 * @throws EnginesmithFailure `PrerequisiteMissing` when the driver does not answer, or has no such device
 */
export async function openHostGpus(
  declared: readonly DeclaredDevice[] | undefined,
  environment: NodeJS.ProcessEnv,
): Promise<HostGpus> {
  const virtual = declared?.map(asVirtual).filter((device) => device !== undefined) ?? [];
  if (virtual.length > 0) return virtualGpus(virtual, declared?.length ?? 0);
  const nvidiaSmi = await createNvidiaSmi(environment);
  const inventory = await readInventory(nvidiaSmi);
  const devices = declared === undefined ? inventory.devices : declared.map((device) => find(device, inventory));
  if (devices.length === 0) throw unusable(inventory);
  return { devices, inventory: () => readInventory(nvidiaSmi), processes: () => readProcesses(nvidiaSmi) };
}

/** The devices of a worker that leases none. */
export const noGpus: HostGpus = {
  devices: [],
  inventory: async () => ({ driver: null, gpus: [], devices: [] }),
  processes: async () => [],
};

function asVirtual({ index, class: deviceClass, memoryBytes }: DeclaredDevice): GpuDevice | undefined {
  if (index === undefined || deviceClass === undefined || memoryBytes === undefined) return undefined;
  const device = { index, class: deviceClass, memoryBytes };
  return isVirtual(device) ? { ...device, uuid: uuidOf(device) } : undefined;
}

function virtualGpus(devices: readonly GpuDevice[], declared: number): HostGpus {
  if (devices.length < declared) {
    throw new EnginesmithFailure(
      'PrerequisiteMissing',
      'toolchain.json lists both GPUs and virtual devices: a toolchain has the ones or the others.',
    );
  }
  const gpus = devices.map((device) => ({
    index: device.index,
    uuid: uuidOf(device),
    name: 'virtual device',
    class: device.class,
    pciBusId: null,
    memoryTotalBytes: device.memoryBytes,
    memoryFreeBytes: null,
    memoryUsedBytes: null,
    utilizationPercent: null,
    isMig: false,
    persistenceMode: null,
    computeMode: null,
    uncorrectedEccErrors: null,
    problem: null,
  }));
  return { ...noGpus, devices, inventory: async () => ({ driver: null, gpus, devices: [...devices] }) };
}

/** The device of the host that a declaration means. */
function find(declared: DeclaredDevice, { devices, gpus }: GpuInventory): GpuDevice {
  const means = (device: { uuid?: string | null | undefined; index: number }): boolean =>
    declared.uuid === undefined ? device.index === declared.index : device.uuid === declared.uuid;
  const named = declared.uuid ?? `GPU ${declared.index}`;
  const found = devices.find(means);
  if (found === undefined) {
    const problem = gpus.find(means)?.problem;
    const listed =
      devices.map((device) => `${uuidOf(device)} (GPU ${device.index})`).join(', ') || 'none that can be used';
    throw new EnginesmithFailure(
      'PrerequisiteMissing',
      problem
        ? `${named} of toolchain.json cannot be used: ${problem}.`
        : `toolchain.json lists ${named}, and this host has ${listed}: compare \`devices\` with \`nvidia-smi -L\`, or leave it out to use all.`,
      { context: { device: named } },
    );
  }
  if (declared.class !== undefined && declared.class !== found.class) {
    throw new EnginesmithFailure(
      'PrerequisiteMissing',
      `toolchain.json says that ${named} is ${declared.class}, and its driver says ${found.class}: correct its class, or leave it out.`,
      { context: { device: named, declared: declared.class, found: found.class } },
    );
  }
  return found;
}

function unusable({ gpus }: GpuInventory): EnginesmithFailure {
  const why = gpus.map(({ index, problem, isMig }) => {
    const reason =
      problem ?? (isMig ? 'is in MIG mode and has no instance: `nvidia-smi mig -cgi …` makes one' : 'cannot be used');
    return `  GPU ${index}: ${reason}`;
  });
  return new EnginesmithFailure(
    'PrerequisiteMissing',
    ['This host has no GPU that a step could use.', ...why].join('\n'),
  );
}
