import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { EnginesmithFailure } from '../../contracts/failures.js';
import { hasCode } from '../durable-files.js';
import { createRecord, replaceRecord } from '../json-record.js';
import { runEndCommand } from './end-command.js';
import { runFiles } from './job-files.js';
import type { StopRecord } from './job-records.js';
import type { Run } from './job-runs.js';
import { killRun, sendSignal } from './kill-session.js';
import { outOfMemoryKillsSince, removeCgroup, runCgroupPath } from './run-cgroup.js';
import { readRunState } from './run-state.js';

const pollIntervalMs = 25;
/** What a healthy supervisor needs beyond the grace time: a few polls and three small files, on a busy disk. */
const supervisorMarginMs = 5_000;
/** What a container that holds many GPUs takes to go, beyond that. */
const endCommandMarginMs = 20_000;
/** How long an end command may fail while its daemon restarts, or another one removes the same container. */
const endCommandRetryMs = 10_000;

export interface EndOptions {
  /** Between SIGTERM and SIGKILL. */
  graceMs: number;
  /** What the exit record says; a stall counts in the ledger. @default 'request' */
  as?: StopRecord['as'];
}

/**
 * Ends a run, in whatever state a crash has left it: afterwards nothing of its tool runs and nothing will start it.
 * @throws EnginesmithFailure ToolFailed when a process survives SIGKILL, or the end command keeps failing
 */
export async function endRun(run: Run, { graceMs, as = 'request' }: EndOptions): Promise<void> {
  const files = runFiles(run.directory);
  // Looked for first: on a full disk it could not be written, and what runs is to be ended all the same.
  if (!existsSync(files.claim) && (await createRecord(files.claim, { supervisor: null }))) return;
  await askSupervisor(run, { graceMs, as });
  const state = await readRunState(run.directory);
  if (state.state === 'exited' || state.state === 'void' || state.state === 'unclaimed') return;

  // The supervisor is dead, or hangs: what it would have done is done here. It goes first, lest it start the tool meanwhile.
  if (state.state === 'running') sendSignal(state.supervisor.pid, 'SIGKILL');
  const latest = await readRunState(run.directory);
  const started = 'started' in latest ? latest.started : undefined;
  const { runId } = run.job;
  // The counter goes with the run's cgroup.
  const outOfMemoryKills = outOfMemoryKillsSince(started?.memory);
  const left = started ? await killRun({ runId, ...started }, { graceMs: state.state === 'lost' ? graceMs : 0 }) : [];
  // A supervisor may have been killed between the making of a cgroup and the record of it.
  const unrecorded = started === undefined ? runCgroupPath(runId) : undefined;
  if (unrecorded !== undefined) removeCgroup(unrecorded);
  if (left.length > 0) {
    throw new EnginesmithFailure(
      'ToolFailed',
      `Processes ${left.join(', ')} of ${run.job.argv[0]} survive SIGKILL: they hang in the kernel, in a GPU driver or a file system. Look at them with ps, or restart the host.`,
      { context: { pids: left.join(' ') } },
    );
  }
  await endTheRest(run);
  const endedAt = new Date().toISOString();
  const startedAt = started?.startedAt ?? endedAt;
  const unseen = { runId, exitCode: null, signal: null, startedAt, endedAt, outOfMemoryKills };
  await createRecord(files.exit, { ...unseen, endedBy: 'lost' });
}

async function askSupervisor(run: Run, request: StopRecord): Promise<void> {
  const state = await readRunState(run.directory);
  if (state.state !== 'running') return;
  try {
    await replaceRecord(runFiles(run.directory).stop, request);
  } catch (error) {
    // It says only how: without it the run is ended as by default.
    if (!hasCode(error, 'ENOSPC', 'EDQUOT')) throw error;
  }
  sendSignal(state.supervisor.pid, 'SIGTERM');
  const marginMs = supervisorMarginMs + (run.job.endCommand === undefined ? 0 : endCommandMarginMs);
  const deadlineMs = performance.now() + request.graceMs + marginMs;
  while (performance.now() < deadlineMs && (await readRunState(run.directory)).state === 'running') {
    await sleep(pollIntervalMs);
  }
}

/** @throws EnginesmithFailure ToolFailed, retryable: what it was to end may still run */
async function endTheRest({ job }: Run): Promise<void> {
  const deadlineMs = performance.now() + endCommandRetryMs;
  for (;;) {
    const problem = await runEndCommand(job.endCommand);
    if (problem === undefined) return;
    if (performance.now() > deadlineMs) {
      const command = job.endCommand?.join(' ') ?? '';
      throw new EnginesmithFailure(
        'ToolFailed',
        `What ${job.argv[0]} started may still run: \`${command}\` fails. ${problem}`,
        { context: { command } },
      );
    }
    await sleep(500);
  }
}
