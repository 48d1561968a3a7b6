import type { JobOutcome } from '../platform/process/job-runner.js';

/**
 * Whether the kernel killed processes of a tool for want of memory, as far as this host counts.
 * @returns undefined where the count does not tell: then the tool's own words do
 */
export function oomKilled({
  outOfMemoryKills,
  signal,
  exitCode,
}: Pick<JobOutcome, 'outOfMemoryKills' | 'signal' | 'exitCode'>): boolean | undefined {
  if (outOfMemoryKills === undefined) return undefined;
  const { count, scope } = outOfMemoryKills;
  if (count === 0 || scope === 'run') return count > 0;
  // What was killed in a wider scope may be others': the tool's own end has to agree, or what it says of its processes.
  return signal === 'SIGKILL' || exitCode === 128 + 9 ? true : undefined;
}
