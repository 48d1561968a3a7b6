import { readFileSync } from 'node:fs';
import { isOfSession, livingSince, type ProcessIdentity, type ProcessStatus } from './process-identity.js';
import { cgroupProcesses } from './run-cgroup.js';

/**
 * Set in the environment of each tool, to the id of its run: whatever the tool starts inherits it, and /proc shows it of a
 * process whatever session it is in. A process that has thrown its environment away is known by session or cgroup alone.
 */
export const RUN_VARIABLE = 'ENGINESMITH_RUN';

/** What tells the processes of a run from all others of its host. */
export interface RunTraces {
  readonly runId: string;
  /** The tool's first process: it leads a session, and none of the run is older. */
  readonly tool: ProcessIdentity;
  /** Where the host gave the run one. */
  readonly cgroup?: string | undefined;
}

/**
 * Every living process of a run: those of the tool's session, those that have left it and carry the run's mark in their
 * environment, and all of its cgroup.
 * @param among only these pids. @default every process of the host
 */
export function processesOfRun({ runId, tool, cgroup }: RunTraces, among?: readonly number[]): ProcessStatus[] {
  const living = livingSince(tool, among);
  if (living.length === 0) return [];
  const ofSession = isOfSession(tool);
  const ofCgroup = new Set(cgroup === undefined ? [] : cgroupProcesses(cgroup));
  return living.filter((status) => ofSession(status) || ofCgroup.has(status.pid) || hasMark(status.pid, runId));
}

function hasMark(pid: number, runId: string): boolean {
  try {
    return `\0${readFileSync(`/proc/${pid}/environ`, 'latin1')}`.includes(`\0${RUN_VARIABLE}=${runId}\0`);
  } catch {
    // It has ended, or is another user's: a tool cannot become that, but by a set-user-id program.
    return false;
  }
}
