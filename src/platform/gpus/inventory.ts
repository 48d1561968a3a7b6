import { EnginesmithFailure } from '../../contracts/failures.js';
import type { GpuDevice } from './device.js';
import type { NvidiaSmi } from './nvidia-smi.js';
import {
  type GpuProcess,
  parseGpus,
  parseMigInstances,
  parseProcesses,
  queryGpus,
  queryProcesses,
} from './nvidia-smi-output.js';

/** One GPU as its driver describes it; null is what the driver does not say. */
interface InventoriedGpu {
  index: number;
  uuid: string | null;
  name: string | null;
  /** As in `sm90`. */
  class: string | null;
  pciBusId: string | null;
  memoryTotalBytes: number | null;
  memoryFreeBytes: number | null;
  memoryUsedBytes: number | null;
  utilizationPercent: number | null;
  isMig: boolean;
  persistenceMode: string | null;
  /** `Default`, `Exclusive_Process` or `Prohibited`. */
  computeMode: string | null;
  uncorrectedEccErrors: number | null;
  /** Why no step can have it; null when one can. */
  problem: string | null;
}

/** The GPUs of a host at one moment. */
export interface GpuInventory {
  /** null where there are no real GPUs. */
  driver: string | null;
  gpus: InventoriedGpu[];
  /** What can be leased: GPUs without a problem, or, in MIG mode, their instances. */
  devices: GpuDevice[];
}

/** @throws EnginesmithFailure `PrerequisiteMissing` when the driver does not answer, or in words that are not its own */
export async function readInventory(nvidiaSmi: NvidiaSmi): Promise<GpuInventory> {
  const rows = await parsed(parseGpus, nvidiaSmi.run(...queryGpus));
  const isMig = rows.some((row) => row['mig.mode.current'] === 'Enabled');
  const instances = isMig ? await parsed(parseMigInstances, nvidiaSmi.run('-L')) : [];
  const gpus = rows.map((row) => ({
    index: row.index,
    uuid: row.uuid,
    name: row.name,
    class: row.compute_cap === null ? null : `sm${row.compute_cap.replace('.', '')}`,
    pciBusId: row['pci.bus_id'],
    memoryTotalBytes: row['memory.total'],
    memoryFreeBytes: row['memory.free'],
    memoryUsedBytes: row['memory.used'],
    utilizationPercent: row['utilization.gpu'],
    isMig: row['mig.mode.current'] === 'Enabled',
    persistenceMode: row.persistence_mode,
    computeMode: row.compute_mode,
    uncorrectedEccErrors: row['ecc.errors.uncorrected.volatile.total'],
    problem: problemOf(row),
  }));
  const devices = gpus.flatMap((gpu): GpuDevice[] => {
    const { index, uuid, class: deviceClass, memoryTotalBytes, problem } = gpu;
    if (problem !== null || uuid === null || deviceClass === null || memoryTotalBytes === null) return [];
    const whole = { index, class: deviceClass, memoryBytes: memoryTotalBytes, uuid };
    if (!gpu.isMig) return [whole];
    return instances
      .filter(({ parentUuid }) => parentUuid === uuid)
      .map(({ profile, memoryBytes, ...instance }) => ({
        ...whole,
        memoryBytes,
        uuid: instance.uuid,
        mig: { parentUuid: uuid, profile },
      }));
  });
  return { driver: rows.find((row) => row.driver_version !== null)?.driver_version ?? null, gpus, devices };
}

/** Every process with a compute context, by GPU. @throws EnginesmithFailure as `readInventory` */
export const readProcesses = (nvidiaSmi: NvidiaSmi): Promise<GpuProcess[]> =>
  parsed(parseProcesses, nvidiaSmi.run(...queryProcesses));

/** Columns without which a GPU cannot be leased. */
const NEEDED = ['uuid', 'name', 'compute_cap', 'memory.total'] as const;

function problemOf(row: ReturnType<typeof parseGpus>[number]): string | null {
  const said = NEEDED.map((column) => row.missing[column]).find((cell) => cell !== undefined);
  if (said !== undefined) {
    return `the driver says ${said} where its ${NEEDED.filter((column) => column in row.missing).join(', ')} should be; look for "Xid" in dmesg, and reset or reboot`;
  }
  if (row.compute_mode === 'Prohibited') {
    return 'its compute mode is Prohibited: `nvidia-smi --compute-mode=DEFAULT` lets processes use it';
  }
  return null;
}

async function parsed<Value>(parse: (printed: string) => Value, printing: Promise<string>): Promise<Value> {
  const printed = await printing;
  try {
    return parse(printed);
  } catch (cause) {
    throw new EnginesmithFailure(
      'PrerequisiteMissing',
      `${cause instanceof Error ? cause.message : cause}. Enginesmith reads what drivers from R510 on print.`,
      { cause },
    );
  }
}
