import { setTimeout as sleep } from 'node:timers/promises';
import { hasCode } from '../durable-files.js';
import { type ProcessIdentity, sessionProcesses } from './process-identity.js';
import { killCgroup, removeCgroup } from './run-cgroup.js';
import { processesOfRun, type RunTraces } from './run-processes.js';

const pollIntervalMs = 50;
/** A process that outlives SIGKILL this long sits in the kernel (a GPU driver, a dead network file system). */
const killTimeoutMs = 10_000;
/** An empty cgroup that cannot be removed does no harm. */
const removalLooks = 20;

interface KillOptions {
  /** Between SIGTERM and SIGKILL. */
  graceMs: number;
}

/**
 * Ends every process of the session that `leader` opened: SIGTERM once to each, SIGKILL after `graceMs`, until none is left.
 * Ending the process group would not do: the ranks of mpirun have groups of their own.
 * @returns the pids that survived even SIGKILL for ten seconds; empty when the session is gone
 */
export const killSession = (leader: ProcessIdentity, { graceMs }: KillOptions): Promise<number[]> =>
  killAll(() => sessionProcesses(leader), graceMs);

/**
 * Ends every process of a run, as `killSession`, also those that have opened sessions of their own; then removes its cgroup.
 * @returns the pids that survived even SIGKILL for ten seconds; empty when nothing of the run is left
 */
export async function killRun(run: RunTraces, { graceMs }: KillOptions): Promise<number[]> {
  const { cgroup } = run;
  const pids = (): number[] => processesOfRun(run).map(({ pid }) => pid);
  const left = await killAll(pids, graceMs, () => cgroup !== undefined && killCgroup(cgroup));
  if (left.length > 0 || cgroup === undefined) return left;
  for (let looks = 0; looks < removalLooks && !removeCgroup(cgroup); looks += 1) await sleep(pollIntervalMs);
  return left;
}

async function killAll(find: () => number[], graceMs: number, killAtOnce?: () => void): Promise<number[]> {
  const startedMs = performance.now();
  const terminated = new Set<number>();
  for (;;) {
    let pids = find();
    // One that is just becoming another program, or forks and ends, can be missed by one look.
    if (pids.length === 0) pids = find();
    const elapsedMs = performance.now() - startedMs;
    if (pids.length === 0 || elapsedMs > graceMs + killTimeoutMs) return pids;
    if (elapsedMs >= graceMs) {
      killAtOnce?.();
      for (const pid of pids) sendSignal(pid, 'SIGKILL');
    } else {
      for (const pid of pids) if (!terminated.has(pid)) sendSignal(pid, 'SIGTERM');
      for (const pid of pids) terminated.add(pid);
    }
    await sleep(pollIntervalMs);
  }
}

/** Sends a signal to a process that may have ended by now. */
export function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!hasCode(error, 'ESRCH')) throw error;
  }
}
