import { setTimeout as sleep } from 'node:timers/promises';
import { hasCode } from '../durable-files.js';
import { type ProcessIdentity, sessionProcesses } from './process-identity.js';

const pollIntervalMs = 50;
/** A process that outlives SIGKILL this long sits in the kernel (a GPU driver, a dead network file system). */
const killTimeoutMs = 10_000;

/**
 * Ends every process of the session that `leader` opened: SIGTERM once to each, SIGKILL after `graceMs`, until none is left.
 * Ending the process group would not do: the ranks of mpirun have groups of their own.
 * @returns the pids that survived even SIGKILL for ten seconds; empty when the session is gone
 */
export async function killSession(leader: ProcessIdentity, { graceMs }: { graceMs: number }): Promise<number[]> {
  const startedMs = performance.now();
  const terminated = new Set<number>();
  for (;;) {
    const pids = sessionProcesses(leader);
    const elapsedMs = performance.now() - startedMs;
    if (pids.length === 0 || elapsedMs > graceMs + killTimeoutMs) return pids;
    if (elapsedMs >= graceMs) {
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
