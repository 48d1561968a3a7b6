import * as z from 'zod';

const MIB = 1024 * 1024;

/** In place of a value: `[N/A]`, `[Not Supported]`, `[Insufficient Permissions]`, `[GPU is lost]`, `[Unknown Error]`, `ERR!`. */
const isMissing = (cell: string): boolean => /^\[.*\]$|^ERR!?$|^N\/A$/i.test(cell);

/** A value that the driver may not have; null when it says so. */
const optional = <Value>(of: z.ZodType<Value, string>) =>
  z
    .string()
    .transform((cell) => (isMissing(cell) ? null : cell))
    .pipe(z.union([z.null(), of]));

const wholeNumber = z.string().regex(/^\d+$/, 'must be a whole number').transform(Number);
const bytesOfMib = wholeNumber.transform((mebibytes) => mebibytes * MIB);
const gpuUuid = z.string().regex(/^GPU-[A-Za-z0-9-]+$/, 'must be a UUID');

/** What is asked of each GPU, in this order. The values' meaning: `nvidia-smi --help-query-gpu`. */
const gpuSchemas = {
  index: wholeNumber,
  uuid: optional(gpuUuid),
  name: optional(z.string().min(1)),
  'pci.bus_id': optional(z.string()),
  compute_cap: optional(z.string().regex(/^\d+\.\d+$/, 'must be as in 9.0')),
  'memory.total': optional(bytesOfMib),
  'memory.free': optional(bytesOfMib),
  'memory.used': optional(bytesOfMib),
  'utilization.gpu': optional(wholeNumber),
  driver_version: optional(z.string()),
  'mig.mode.current': optional(z.enum(['Enabled', 'Disabled'])),
  persistence_mode: optional(z.string()),
  compute_mode: optional(z.string()),
  'ecc.errors.uncorrected.volatile.total': optional(wholeNumber),
} as const;
const gpuSchema = z.object(gpuSchemas);
type GpuRow = z.output<typeof gpuSchema> & {
  /** What it printed where a value should be, by column. */
  missing: Readonly<Record<string, string>>;
};

/** Arguments that print what `parseGpus` reads. */
export const queryGpus = [`--query-gpu=${Object.keys(gpuSchemas).join(',')}`, '--format=csv,noheader,nounits'] as const;

/** @throws Error naming the line and the column that are not as nvidia-smi's manual says */
export function parseGpus(printed: string): GpuRow[] {
  const columns = Object.keys(gpuSchemas);
  return linesOf(printed).map((line) => {
    const cells = splitLine(line, columns.length);
    const row = Object.fromEntries(columns.map((column, position) => [column, cells[position]]));
    const missing = Object.fromEntries(
      Object.entries(row).filter((entry): entry is [string, string] => isMissing(entry[1] ?? '')),
    );
    return { ...parseRow(gpuSchema, row, line), missing };
  });
}

/** What is asked of each process; a process name, which may hold commas, comes last. */
const processColumns = ['gpu_uuid', 'pid', 'used_memory', 'process_name'] as const;
const processSchema = z.object({
  gpu_uuid: z.string(),
  pid: optional(wholeNumber),
  used_memory: optional(bytesOfMib),
  process_name: z.string(),
});

/** A process with a compute context on a GPU. */
export interface GpuProcess {
  /** Of the GPU, or of the MIG instance where the driver tells. */
  uuid: string;
  pid: number;
  /** Empty in a container whose processes are others. */
  name: string;
  /** null: the driver does not say, as in MIG mode without permission. */
  usedMemoryBytes: number | null;
}

/** Arguments that print what `parseProcesses` reads. */
export const queryProcesses = [
  `--query-compute-apps=${processColumns.join(',')}`,
  '--format=csv,noheader,nounits',
] as const;

/** @throws Error naming the line that is not as nvidia-smi's manual says */
export function parseProcesses(printed: string): GpuProcess[] {
  return linesOf(printed)
    .filter((line) => !/^No running processes found/i.test(line))
    .flatMap((line) => {
      const cells = splitLine(line, processColumns.length);
      const row = Object.fromEntries(processColumns.map((column, position) => [column, cells[position]]));
      const {
        gpu_uuid: uuid,
        pid,
        used_memory: usedMemoryBytes,
        process_name: name,
      } = parseRow(processSchema, row, line);
      return pid === null ? [] : [{ uuid, pid, name: isMissing(name) ? '' : name, usedMemoryBytes }];
    });
}

/** A MIG instance, as `nvidia-smi -L` lists it below its GPU. */
interface MigInstance {
  uuid: string;
  parentUuid: string;
  /** As in `1g.10gb`. */
  profile: string;
  /** What the profile's name says. */
  memoryBytes: number;
}

/** Lines of GPUs and of their instances; of drivers before R470 an instance's UUID is `MIG-GPU-…/1/0`. */
const GPU_LINE = /^GPU \d+: .*\(UUID: (?<uuid>GPU-[A-Za-z0-9-]+)\)/;
const MIG_LINE = /^\s+MIG (?<profile>\S*?(?<gigabytes>\d+)gb\S*)\s+Device\s+\d+: \(UUID: (?<uuid>MIG-[A-Za-z0-9/-]+)\)/;

/** Reads what `nvidia-smi -L` prints. */
export function parseMigInstances(printed: string): MigInstance[] {
  const found: MigInstance[] = [];
  let parentUuid: string | undefined;
  for (const line of printed.split('\n')) {
    parentUuid = GPU_LINE.exec(line)?.groups?.uuid ?? parentUuid;
    const { profile, gigabytes, uuid } = MIG_LINE.exec(line)?.groups ?? {};
    if (parentUuid === undefined || profile === undefined || uuid === undefined) continue;
    found.push({ uuid, parentUuid, profile, memoryBytes: Number(gigabytes) * 1024 ** 3 });
  }
  return found;
}

const linesOf = (printed: string): string[] => printed.split('\n').filter((line) => line.trim() !== '');

/** nvidia-smi quotes nothing: only the last column may hold a comma. */
function splitLine(line: string, columns: number): string[] {
  const cells = line.split(',');
  return [...cells.slice(0, columns - 1), cells.slice(columns - 1).join(',')].map((cell) => cell.trim());
}

function parseRow<Row>(schema: z.ZodType<Row>, row: unknown, line: string): Row {
  const parsed = schema.safeParse(row);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new Error(
    `nvidia-smi printed ${JSON.stringify(line.slice(0, 300))}: ${issue?.path.join('.')} ${issue?.message}`,
  );
}
