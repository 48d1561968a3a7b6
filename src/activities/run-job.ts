import { EnginesmithFailure } from '../contracts/failures.js';
import { requireScript } from '../platform/process/find-program.js';
import type { JobOutcome, JobRunner, StartOptions } from '../platform/process/job-runner.js';
import type { Stall } from '../platform/process/stall-watch.js';
import type { Attendance } from './attend-tool.js';

/**
 * How long a cancelled tool has to end by itself. A cancellation waits up to 1 s for a heartbeat, that of a promotion twice, and
 * all is to be free 15 s after it, whatever the tool makes of SIGTERM.
 */
export const KILL_GRACE_MS = 5_000;

export interface RunJobOptions {
  signal: AbortSignal;
  /** Whether the tool ends when the signal is aborted for this reason; else it is left to its supervisor. */
  endsTool: (reason: unknown) => Promise<boolean>;
  /** Throws when a tool that failed never got to run. @default as for programs of this host */
  explainFailure?: (argv: readonly string[], outcome: JobOutcome) => Promise<void>;
  /** Called once the tool runs, or is found. @default nobody attends to it */
  attend?: (logPath: string) => Promise<Attendance>;
  /** What a tool that has stalled, and was ended, fails with. */
  explainStall?: (stall: Stall) => Promise<unknown>;
}

/**
 * Runs a tool to its own end, or finds the one that an earlier attempt left. A cancelled step ends its tool; a worker that
 * shuts down leaves it to its supervisor, so that a deploy costs no GPU hours: the next attempt waits for the same process.
 * @throws EnginesmithFailure `ToolFailed` when the tool was ended from outside; `ToolMissing`; the signal's reason when it is aborted
 */
export async function runJob(
  jobs: JobRunner,
  command: StartOptions,
  { signal, endsTool, explainFailure = requireScript, attend, explainStall }: RunJobOptions,
): Promise<JobOutcome> {
  const { jobId } = command;
  const earlier = await jobs.inspect(jobId);
  const finished = earlier.state === 'exited' && earlier.exit.endedBy === 'tool';
  // It may end, and do well, at this very moment: then it is not run again.
  if (!finished) await jobs.start({ ...command, reuseFinished: true });
  const started = await jobs.inspect(jobId);
  const attendance = started.state === 'absent' ? undefined : await attend?.(started.logPath);
  const stalled = attendance?.stalled;
  try {
    const onOutput = attendance && ((line: string) => attendance.onOutput(line));
    const outcome = await jobs.wait(jobId, { onOutput, signal: stalled ? AbortSignal.any([signal, stalled]) : signal });
    if (outcome.endedBy === 'tool') {
      if (outcome.exitCode !== 0) await notItsOwn(jobs, jobId, () => explainFailure(command.argv, outcome));
      return outcome;
    }
    throw new EnginesmithFailure(
      'ToolFailed',
      `${command.argv[0]} was ended from outside (${outcome.endedBy}); that says nothing about the tool itself. ` +
        'The next attempt starts it again.',
      { context: { endedBy: outcome.endedBy } },
    );
  } catch (failure) {
    if (signal.aborted) {
      if (await endsTool(signal.reason)) await jobs.stop(jobId, { graceMs: KILL_GRACE_MS });
    } else if (stalled?.aborted) {
      await jobs.stop(jobId, { graceMs: KILL_GRACE_MS, as: 'stalled' });
      throw await explainStall?.(stalled.reason);
    }
    throw failure;
  } finally {
    await attendance?.toolEnded();
  }
}

/** A tool that never got to run has not failed: how often its host could not run it says nothing about it. */
async function notItsOwn(jobs: JobRunner, jobId: string, explain: () => Promise<void>): Promise<void> {
  try {
    await explain();
  } catch (reason) {
    await jobs.discount(jobId);
    throw reason;
  }
}
