import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { EnginesmithFailure } from '../../contracts/failures.js';
import { entryPoint } from '../entry-point.js';
import { runFiles } from './job-files.js';
import type { Run } from './job-runs.js';
import { type RunState, readRunState } from './run-state.js';

/** A small heap: the supervisor holds nothing, and one lives as long as each served model. */
const heapFlags = ['--max-old-space-size=16', '--max-semi-space-size=1'];
const pollIntervalMs = 20;
/** A cold start of Node from a busy disk. */
const startTimeoutMs = 30_000;

/**
 * Starts a supervisor for a run, detached, and waits until the run has one: this one, or a rival's, which is as good.
 * child_process, not execa: the parent keeps no pipe to the child and does not wait for it.
 * @throws EnginesmithFailure PrerequisiteMissing when no supervisor comes up
 */
export async function startSupervisor(run: Run, environment: Readonly<Record<string, string>>): Promise<RunState> {
  const { filename, execArgv } = entryPoint('platform/process/supervisor-main');
  const log = openSync(runFiles(run.directory).supervisorLog, 'a');
  const child = spawn(process.execPath, [...heapFlags, ...execArgv, filename, run.directory, run.job.runId], {
    cwd: '/',
    detached: true,
    env: { ...environment },
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  child.unref();
  const ended = new Promise<true>((resolve) =>
    child.once('exit', () => resolve(true)).once('error', () => resolve(true)),
  );
  const deadlineMs = performance.now() + startTimeoutMs;
  for (let over = false; ; ) {
    const state = await readRunState(run.directory);
    if (state.state !== 'unclaimed') return state;
    if (over || performance.now() > deadlineMs) throw supervisorMissing(run);
    over = await Promise.race([ended, sleep(pollIntervalMs, false)]);
  }
}

function supervisorMissing(run: Run): EnginesmithFailure {
  const { supervisorLog } = runFiles(run.directory);
  return new EnginesmithFailure(
    'PrerequisiteMissing',
    `The supervisor of ${run.job.argv[0]} did not start: ${supervisorLog} says why (no memory, no processes left, a damaged installation).`,
    { retryable: true, context: { file: supervisorLog } },
  );
}
