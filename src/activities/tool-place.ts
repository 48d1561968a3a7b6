import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { activityInfo } from '@temporalio/activity';
import type { ActionKey } from '../contracts/artifacts.js';
import type { JobRecord } from '../platform/process/job-records.js';
import type { JobRunner } from '../platform/process/job-runner.js';
import type { LaunchedTool } from '../platform/tool-launcher.js';
import type { ActivityDependencies } from './dependencies.js';
import { freeGpus } from './lease-gpus.js';
import { KILL_GRACE_MS } from './run-job.js';

/** Where the attempts at an action run their tool on this host. */
export interface ToolPlace {
  jobId: string;
  scratch: string;
  /** The directory that the tool writes into. */
  output: string;
}

/** The same for every attempt at an action; whoever clears leftovers reads the key in it. */
export const toolJobId = (activity: string, key: ActionKey): string => `${activity}-${key}`;

/** A run of the tool that an earlier attempt left, or another pipeline's that makes the same. */
export interface LeftRun {
  state: 'running' | 'exited';
  /** Flags that change nothing in the output may differ between those who make the same: this is what runs. */
  argv: LaunchedTool['argv'];
  /** The UUIDs of the GPUs that it was given. */
  gpus: readonly string[];
}

/** Makes the place ready for a tool. @returns the run that is there already and is to be adopted */
export async function openPlace(jobs: JobRunner, { jobId, scratch, output }: ToolPlace): Promise<LeftRun | undefined> {
  const left = await usableRun(jobs, jobId, output);
  if (left !== undefined) return left;
  // A failure is never cached: what earlier runs' tools did, before somebody asked again, counts no more.
  await (isFirstAttempt() ? jobs.forget(jobId) : jobs.remove(jobId));
  await rm(scratch, { recursive: true, force: true });
  await mkdir(output, { recursive: true });
  return undefined;
}

/** A run that goes on, or that ended by itself and whose output is still there. */
async function usableRun(jobs: JobRunner, jobId: string, output: string): Promise<LeftRun | undefined> {
  const job = await jobs.inspect(jobId);
  if (job.state === 'running') return { state: job.state, ...startedAs(job.record) };
  if (job.state !== 'exited' || job.exit.endedBy !== 'tool' || !existsSync(output)) return undefined;
  // A failure that no attempt of this run has seen is one of a run before it.
  if (job.exit.exitCode !== 0 && isFirstAttempt()) return undefined;
  return { state: job.state, ...startedAs(job.record) };
}

const startedAs = ({ argv: [program = '', ...rest], gpus = [] }: JobRecord): Omit<LeftRun, 'state'> => ({
  argv: [program, ...rest],
  gpus,
});

const isFirstAttempt = (): boolean => activityInfo().attempt === 1;

/**
 * Frees the GPUs, and removes the job unless a later attempt is to find it running, or what it made.
 * @param isOutputWanted whether what a tool has made that did well is of use to a later attempt
 */
export async function leaveJob(
  { jobs, leases }: ActivityDependencies,
  { jobId, scratch, isOutputWanted }: { jobId: string; scratch: string; isOutputWanted: boolean },
): Promise<void> {
  // Looked at once: it may end, and do well, at any moment.
  const job = await jobs.inspect(jobId);
  if (job.state === 'running') return leases.leave(jobId);
  const isKept = isOutputWanted && job.state === 'exited' && job.exit.endedBy === 'tool' && job.exit.exitCode === 0;
  try {
    await jobs.stop(jobId, { graceMs: KILL_GRACE_MS });
    // Before anything is written: what it has made may be what fills the disk.
    if (!isKept) await rm(scratch, { recursive: true, force: true });
  } finally {
    // What survives SIGKILL hangs in a driver: its GPU is nobody's until it is gone.
    await freeGpus(leases, jobId);
  }
  if (!isKept) await jobs.remove(jobId);
}
