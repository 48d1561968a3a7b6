import { readFileSync } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ifPresent } from '../durable-files.js';
import { answerWithin } from './answer-within.js';
import { cpuTicksOf } from './process-identity.js';

/** What a tool has done so far, as seen from outside. Only differences between two looks mean anything. */
export interface ProgressSignals {
  /** Size of its log. */
  readonly outputBytes: number;
  /** Changes whenever a file in its directory is made, grows or is written. */
  readonly files: string;
  /** CPU time of its processes, in ticks of 10 ms. */
  readonly cpuTicks: number;
  /** What its processes have read and written, from wherever. */
  readonly transferredBytes: number;
  /** Whether one of its GPUs computes just now. */
  readonly gpuBusy: boolean;
}

/** What shows that a tool lives. `output` and `files` show that it gets on; the others that it is busy. */
export type ProgressSignal = 'output' | 'files' | 'cpu' | 'transfer' | 'gpu';

/** A tool that waits wakes up now and then, for a monitor thread or a keep-alive: that is less than 2 % of a core. */
const BUSY_CORES = 0.02;
const TICKS_PER_SECOND = 100;
/** Nor does waiting read or write so much; loading weights over the slowest network does. */
const BUSY_BYTES_PER_SECOND = 32 * 1024;

/** Which signals moved between two looks. */
export function movedSignals(before: ProgressSignals, now: ProgressSignals, elapsedMs: number): Set<ProgressSignal> {
  const seconds = elapsedMs / 1000;
  const moved: Record<ProgressSignal, boolean> = {
    output: now.outputBytes !== before.outputBytes,
    files: now.files !== before.files,
    // What a process that has ended used is gone from the sums: less than before means that processes came and went.
    cpu: Math.abs(now.cpuTicks - before.cpuTicks) > Math.max(1, BUSY_CORES * TICKS_PER_SECOND * seconds),
    transfer: Math.abs(now.transferredBytes - before.transferredBytes) > BUSY_BYTES_PER_SECOND * seconds,
    gpu: now.gpuBusy,
  };
  const all: ProgressSignal[] = ['output', 'files', 'cpu', 'transfer', 'gpu'];
  return new Set(all.filter((signal) => moved[signal]));
}

/** Where a tool can be watched. */
export interface WatchedTool {
  readonly logPath: string;
  /** What it writes into; links are not followed. */
  readonly directory: string;
  readonly pids: () => Promise<readonly number[]>;
  /** UUIDs, as nvidia-smi prints them. Empty where there are none. */
  readonly gpus: readonly string[];
}

/** Looks at a tool once. What cannot be read counts as unchanged. */
export async function readProgressSignals({ logPath, directory, pids, gpus }: WatchedTool): Promise<ProgressSignals> {
  const [log, files, living, gpuBusy] = await Promise.all([
    ifPresent(() => lstat(logPath)),
    fingerprint(directory),
    pids(),
    anyBusy(gpus),
  ]);
  return {
    outputBytes: log?.size ?? 0,
    files,
    cpuTicks: living.reduce((sum, pid) => sum + cpuTicksOf(pid), 0),
    transferredBytes: living.reduce((sum, pid) => sum + transferredBytes(pid), 0),
    gpuBusy,
  };
}

/** Of more files than this, some may change unseen: their number and that of the first ones still tells. */
const MAXIMUM_FILES = 5_000;

async function fingerprint(directory: string): Promise<string> {
  let entries = 0;
  let bytes = 0;
  let newestMs = 0;
  const pending = [directory];
  for (let current = pending.pop(); current !== undefined && entries < MAXIMUM_FILES; current = pending.pop()) {
    const folder = current;
    for (const entry of (await ifPresent(() => readdir(folder, { withFileTypes: true })).catch(() => [])) ?? []) {
      const path = join(folder, entry.name);
      entries += 1;
      if (entry.isDirectory()) pending.push(path);
      const status = await ifPresent(() => lstat(path)).catch(() => undefined);
      bytes += status?.size ?? 0;
      newestMs = Math.max(newestMs, status?.mtimeMs ?? 0);
    }
  }
  return `${entries} ${bytes} ${newestMs}`;
}

/** /proc/<pid>/io: through system calls, and from and to disks, which memory-mapped weights come from. */
function transferredBytes(pid: number): number {
  try {
    const counters = readFileSync(`/proc/${pid}/io`, 'utf8');
    return [...counters.matchAll(/^(?:rchar|wchar|read_bytes|write_bytes): (\d+)$/gm)].reduce(
      (sum, [, bytes]) => sum + Number(bytes),
      0,
    );
  } catch {
    return 0;
  }
}

const NVIDIA_SMI_TIMEOUT_MS = 10_000;

/** Asks the driver. A GPU that cannot say (MIG), or a driver that hangs, shows no work. */
async function anyBusy(gpus: readonly string[]): Promise<boolean> {
  if (gpus.length === 0) return false;
  const question = [`--id=${gpus.join(',')}`, '--query-gpu=utilization.gpu', '--format=csv,noheader,nounits'];
  const { exitCode, stdout = '' } =
    (await answerWithin('nvidia-smi', question, { timeoutMs: NVIDIA_SMI_TIMEOUT_MS })) ?? {};
  return exitCode === 0 && stdout.split('\n').some((line) => Number(line) > 0);
}
