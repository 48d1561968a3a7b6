import { readFile } from 'node:fs/promises';

/** What a process used at a moment. */
interface Sample {
  residentMebibytes: number;
  cpuSeconds: number;
}

export interface ProcessSamples {
  /** Of the resident memory. */
  medianMebibytes: number;
  peakMebibytes: number;
  cpuSeconds: number;
}

const EVERY_MS = 1_000;
const TICKS_PER_SECOND = 100;

/** Watches a process from outside, once a second. @returns what ends that */
export function watchProcess(pid: number): () => ProcessSamples {
  const samples: Sample[] = [];
  const look = async (): Promise<void> => {
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // User and system time, counted from the state, which follows the last `)`.
    const [user, system] = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .slice(11, 13)
      .map(Number);
    samples.push({
      residentMebibytes: Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024,
      cpuSeconds: ((user ?? 0) + (system ?? 0)) / TICKS_PER_SECOND,
    });
  };
  const timer = setInterval(() => look().catch(() => {}), EVERY_MS);
  return () => {
    clearInterval(timer);
    const [first, last] = [samples[0], samples.at(-1)];
    if (first === undefined || last === undefined) throw new Error(`process ${pid} was never seen`);
    const memory = samples.map(({ residentMebibytes }) => residentMebibytes);
    return {
      medianMebibytes: median(memory),
      peakMebibytes: Math.max(...memory),
      cpuSeconds: last.cpuSeconds - first.cpuSeconds,
    };
  };
}

export const median = (values: readonly number[]): number =>
  values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)] ?? Number.NaN;
