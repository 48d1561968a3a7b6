import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { activityInfo } from '@temporalio/activity';
import type { ActionKey } from '../contracts/artifacts.js';
import type { JobRunner } from '../platform/process/job-runner.js';
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

/** Makes the place ready for a tool. @returns whether it has one already, which runs or ended well, to be adopted */
export async function openPlace(jobs: JobRunner, { jobId, scratch, output }: ToolPlace): Promise<boolean> {
  if (await hasUsableRun(jobs, jobId, output)) return true;
  // A failure is never cached: what earlier runs' tools did, before somebody asked again, counts no more.
  await (activityInfo().attempt === 1 ? jobs.forget(jobId) : jobs.remove(jobId));
  await rm(scratch, { recursive: true, force: true });
  await mkdir(output, { recursive: true });
  return false;
}

/** Whether an earlier attempt left a run that goes on, or that ended by itself and whose output is still there. */
async function hasUsableRun(jobs: JobRunner, jobId: string, output: string): Promise<boolean> {
  const job = await jobs.inspect(jobId);
  if (job.state === 'running') return true;
  return job.state === 'exited' && job.exit.endedBy === 'tool' && existsSync(output);
}

/** Frees the GPUs, and removes the job unless a later attempt is to find it running, or what it made. */
export async function leaveJob(
  { jobs, leases }: ActivityDependencies,
  { jobId, scratch, isOutputKept }: { jobId: string; scratch: string; isOutputKept: boolean },
): Promise<void> {
  const { state } = await jobs.inspect(jobId);
  if (state === 'running') return leases.leave(jobId);
  try {
    await jobs.stop(jobId, { graceMs: KILL_GRACE_MS });
  } finally {
    // What survives SIGKILL hangs in a driver: its GPU is nobody's until it is gone.
    await freeGpus(leases, jobId);
  }
  if (isOutputKept && state === 'exited') return;
  await jobs.remove(jobId);
  await rm(scratch, { recursive: true, force: true });
}
