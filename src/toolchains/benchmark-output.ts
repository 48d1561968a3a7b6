import { EnginesmithFailure } from '../contracts/failures.js';

/** One number that gptManagerBenchmark measured. */
export interface BenchmarkMeasure {
  /** As it is printed, without the unit: `token_throughput`, `p99_sequence_latency`. */
  name: string;
  /** As in `token/sec`; null for counts. */
  unit: string | null;
  /** Null where there was nothing to divide by: it prints nan and inf. */
  value: number | null;
}

const LINE = /^\[BENCHMARK\] (?<name>.+?)(?:\((?<unit>[^)]*)\))? (?<value>-?[\d.]+|-?nan|-?inf)$/gm;

/** Without these it ended before it had measured anything; every release prints them. */
const ALWAYS = ['num_samples', 'total_latency', 'token_throughput'];

/**
 * What `gptManagerBenchmark` prints, v0.9 to v0.13: lines without a log prefix, some of them twice. Later releases have more of
 * them, and those about the first token only with `--streaming`.
 * @returns each measure once, in the order in which they are printed
 * @throws EnginesmithFailure `ToolOutputInvalid` where the run was not measured to its end
 */
export function parseBenchmark(log: string): BenchmarkMeasure[] {
  const measures = new Map<string, BenchmarkMeasure>();
  for (const { groups } of log.replaceAll('\r', '').matchAll(LINE)) {
    const { name = '', unit, value = '' } = groups ?? {};
    const number = Number(value);
    measures.set(name, { name, unit: unit ?? null, value: Number.isFinite(number) ? number : null });
  }
  const missing = ALWAYS.filter((name) => !measures.has(name));
  if (missing.length === 0) return [...measures.values()];
  throw new EnginesmithFailure(
    'ToolOutputInvalid',
    `gptManagerBenchmark printed no ${missing.join(', ')}: it ended before it had measured anything`,
    { context: { missing: missing.join(', ') } },
  );
}
