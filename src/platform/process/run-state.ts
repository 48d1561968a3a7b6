import { setTimeout as sleep } from 'node:timers/promises';
import { readRecord } from '../json-record.js';
import { runFiles } from './job-files.js';
import {
  claimRecordSchema,
  type ExitRecord,
  exitRecordSchema,
  type ToolRecord,
  toolRecordSchema,
} from './job-records.js';
import type { Run } from './job-runs.js';
import { isAlive, type ProcessIdentity, type ProcessStatus } from './process-identity.js';
import { processesOfRun } from './run-processes.js';

/**
 * unclaimed: no supervisor yet. void: given up before it had one. running: its supervisor lives (`started` comes a moment
 * after). lost: its supervisor was killed; what is left of the tool may still run.
 */
export type RunState =
  | { readonly state: 'unclaimed' | 'void' }
  | { readonly state: 'running'; readonly supervisor: ProcessIdentity; readonly started: ToolRecord | undefined }
  | { readonly state: 'lost'; readonly started: ToolRecord | undefined }
  | { readonly state: 'exited'; readonly exit: ExitRecord };

/** What the records of a run and /proc say about it now. */
export async function readRunState(runDirectory: string): Promise<RunState> {
  const files = runFiles(runDirectory);
  const claim = await readRecord(files.claim, claimRecordSchema);
  if (claim === undefined) return { state: 'unclaimed' };
  if (claim.supervisor === null) return { state: 'void' };
  // Liveness before the exit record: a supervisor that ends in between has written it.
  const supervised = isAlive(claim.supervisor);
  const exit = await readRecord(files.exit, exitRecordSchema);
  if (exit !== undefined) return { state: 'exited', exit };
  const started = await readRecord(files.tool, toolRecordSchema);
  return supervised ? { state: 'running', supervisor: claim.supervisor, started } : { state: 'lost', started };
}

/** The processes that are left of a run, whatever its state; none when its tool never started. */
export async function processesOfRunIn({ directory, job }: Run): Promise<ProcessStatus[]> {
  const started = await readRecord(runFiles(directory).tool, toolRecordSchema);
  return started === undefined ? [] : processesOfRun({ runId: job.runId, ...started });
}

/**
 * Waits the moment between a supervisor's claim and its tool's first process.
 * @returns undefined when there never will be one: the run was given up, its supervisor died, no process could be made
 */
export async function awaitStartedTool(runDirectory: string): Promise<ToolRecord | undefined> {
  for (;;) {
    const started = await readRecord(runFiles(runDirectory).tool, toolRecordSchema);
    if (started !== undefined) return started;
    if ((await readRunState(runDirectory)).state !== 'running') {
      return readRecord(runFiles(runDirectory).tool, toolRecordSchema);
    }
    await sleep(20);
  }
}
