import { rm, rmdir } from 'node:fs/promises';
import { EnginesmithFailure } from '../../contracts/failures.js';
import { hasCode } from '../durable-files.js';
import { readRecord, replaceRecord } from '../json-record.js';
import { type ClaimedRun, claimRun, type JobCommand } from './claim-run.js';
import { type EndOptions, endRun } from './end-run.js';
import { type FollowOptions, followRun } from './follow-run.js';
import { ledgerFile, runFiles } from './job-files.js';
import { readLogTail } from './job-log.js';
import { type ExitRecord, type JobRecord, type Ledger, ledgerSchema } from './job-records.js';
import { currentRun, jobDirectoryOf, type Run, removeRuns } from './job-runs.js';
import type { ProcessIdentity } from './process-identity.js';
import { takeOwnership } from './run-ownership.js';
import { awaitStartedTool, processesOfRunIn, readRunState } from './run-state.js';

export interface StartOptions extends JobCommand {
  /** A plain file name, the same for every attempt at the same work. */
  readonly jobId: string;
}

export interface RunOptions extends StartOptions, FollowOptions {
  readonly onStart?: ((leader: ProcessIdentity) => void) | undefined;
}

export interface JobOutcome extends ExitRecord {
  readonly logPath: string;
  /** At most 40 lines and 8 Ki characters. */
  readonly logTail: string;
  /** Whether an earlier attempt had started it. */
  readonly adopted: boolean;
}

/** `identity` is the tool's first process: it leads the session, and may itself have ended (service). */
type JobInspection =
  | { readonly state: 'absent' }
  | {
      readonly state: 'running' | 'lost';
      readonly record: JobRecord;
      readonly identity: ProcessIdentity | undefined;
      readonly logPath: string;
    }
  | { readonly state: 'exited'; readonly record: JobRecord; readonly exit: ExitRecord; readonly logPath: string };

/** Tools that outlive the worker that started them, each in its own directory, found again by job id. */
export interface JobRunner {
  /**
   * Starts the job's tool, or adopts the run that an earlier attempt left, and waits for its end. A finished run counts until
   * it is removed. On abort everything that the tool has started is ended, then the signal's reason is thrown. Any other throw
   * leaves the tool to the next attempt.
   * @throws EnginesmithFailure ClaimHeld (benign): another attempt took over. ToolMissing. PrerequisiteMissing: no
   * supervisor. ToolFailed: it was ended from outside, or its supervisor was killed; that is no attempt of the tool's own
   */
  run(options: RunOptions): Promise<JobOutcome>;
  /**
   * Makes sure that the job runs, adopting a run of the same command; returns once its first process is on record.
   * @param options.reuseFinished whether a run that its tool has ended counts as well: whoever looks first whether it runs
   *   may find that it has ended since. @default false
   */
  start(options: StartOptions & { reuseFinished?: boolean }): Promise<{ identity: ProcessIdentity; adopted: boolean }>;
  inspect(jobId: string): Promise<JobInspection>;
  /**
   * The pids of all that lives of a job's latest run on this host, in whatever session it is, also when the run has lost its
   * supervisor or should have ended. A container's processes are not among them: the launcher knows those.
   */
  processesOf(jobId: string): Promise<number[]>;
  /** Ends the job's processes. Does nothing when the job does not run. */
  stop(jobId: string, options: EndOptions): Promise<void>;
  /**
   * Waits, as its owner, for the end of a started job, however it ends. An abort ends the waiting, not the job.
   * @throws the signal's reason; EnginesmithFailure NotFound, ClaimHeld (benign)
   */
  wait(jobId: string, options?: FollowOptions): Promise<JobOutcome>;
  /** Ends the job and removes its runs and their logs. The ledger stays. */
  remove(jobId: string): Promise<void>;
  /** Ends the job and removes all of it, the ledger included: its work is done, or will never be. */
  forget(jobId: string): Promise<void>;
  /** Takes the latest outcome off the ledger of a job that has ended: it was not its tool's. */
  discount(jobId: string): Promise<void>;
  /** The tool's own outcomes, oldest first, the latest hundred. How many failures are too many is the caller's decision. */
  ledger(jobId: string): Promise<Ledger>;
}

/** @param options.jobsDirectory on a disk of this host, and of this host alone: it holds pids */
export function createJobRunner({ jobsDirectory }: { jobsDirectory: string }): JobRunner {
  const directoryOf = (jobId: string) => jobDirectoryOf(jobsDirectory, jobId);

  return {
    async run({ signal, onOutput, logOffset, onStart, ...options }) {
      signal?.throwIfAborted();
      const claimed = await claimRun(directoryOf(options.jobId), options, { reuseFinished: true });
      try {
        const started = onStart && (await awaitStartedTool(claimed.run.directory));
        if (started) onStart(started.tool);
        const exit = await followRun(claimed.run, claimed.ownership, { signal, onOutput, logOffset });
        if (exit.endedBy !== 'tool') throw endedFromOutside(claimed.run, exit);
        return await outcomeOf(claimed, exit);
      } catch (error) {
        if (!signal?.aborted || error !== signal.reason) throw error;
        const graceMs = options.killGraceMs ?? claimed.run.job.killGraceMs;
        if (await claimed.ownership.isHeld()) await endRun(claimed.run, { graceMs });
        throw error;
      }
    },

    async start({ jobId, reuseFinished = false, ...command }) {
      const { run, adopted } = await claimRun(directoryOf(jobId), command, { reuseFinished });
      const started = await awaitStartedTool(run.directory);
      if (started !== undefined) return { identity: started.tool, adopted };
      const logTail = await readLogTail(runFiles(run.directory).log);
      throw new EnginesmithFailure('ToolFailed', `${command.argv[0]} could not be started. ${logTail}`);
    },

    async inspect(jobId) {
      const run = await currentRun(directoryOf(jobId));
      if (run === undefined) return { state: 'absent' };
      const current = await readRunState(run.directory);
      const found = { record: run.job, logPath: runFiles(run.directory).log };
      if (current.state === 'exited') return { state: 'exited', exit: current.exit, ...found };
      if ('started' in current) return { state: current.state, identity: current.started?.tool, ...found };
      return { state: 'absent' };
    },

    async processesOf(jobId) {
      const run = await currentRun(directoryOf(jobId));
      return run === undefined ? [] : (await processesOfRunIn(run)).map(({ pid }) => pid);
    },

    async stop(jobId, options) {
      const run = await currentRun(directoryOf(jobId));
      if (run !== undefined) await endRun(run, options);
    },

    async wait(jobId, options = {}) {
      const run = await currentRun(directoryOf(jobId));
      if (run === undefined || (await readRunState(run.directory)).state === 'unclaimed') {
        throw new EnginesmithFailure('NotFound', `There is no job ${jobId} to wait for: start it first.`);
      }
      const claimed = { run, ownership: await takeOwnership(run), adopted: true };
      return outcomeOf(claimed, await followRun(run, claimed.ownership, options));
    },

    async remove(jobId) {
      await endAndRemoveRuns(directoryOf(jobId));
      await removeIfEmpty(directoryOf(jobId));
    },

    async forget(jobId) {
      await endAndRemoveRuns(directoryOf(jobId));
      await rm(directoryOf(jobId), { recursive: true, force: true });
    },

    async discount(jobId) {
      const path = ledgerFile(directoryOf(jobId));
      const ledger = (await readRecord(path, ledgerSchema)) ?? [];
      if (ledger.length > 0) await replaceRecord(path, ledger.slice(0, -1));
    },

    async ledger(jobId) {
      return (await readRecord(ledgerFile(directoryOf(jobId)), ledgerSchema)) ?? [];
    },
  };
}

async function outcomeOf({ run, adopted }: ClaimedRun, exit: ExitRecord): Promise<JobOutcome> {
  const { log } = runFiles(run.directory);
  return { ...exit, logPath: log, logTail: await readLogTail(log), adopted };
}

function endedFromOutside(run: Run, { endedBy }: ExitRecord): EnginesmithFailure {
  return new EnginesmithFailure(
    'ToolFailed',
    `${run.job.argv[0]} ${endings[endedBy]}; that says nothing about the tool itself. The next attempt starts it again.`,
    { context: { endedBy, logPath: runFiles(run.directory).log } },
  );
}

const endings: Record<ExitRecord['endedBy'], string> = {
  tool: 'ended',
  request: 'was told to stop',
  stalled: 'showed no progress and was ended',
  'owner-timeout': 'was ended because no worker showed itself in time',
  lost: 'lost its supervisor (out of memory, or killed by hand)',
};

async function endAndRemoveRuns(jobDirectory: string): Promise<void> {
  const run = await currentRun(jobDirectory);
  if (run !== undefined) await endRun(run, { graceMs: run.job.killGraceMs });
  await removeRuns(jobDirectory);
}

/** A job without a ledger leaves no trace. */
async function removeIfEmpty(directory: string): Promise<void> {
  try {
    await rmdir(directory);
  } catch (error) {
    if (!hasCode(error, 'ENOTEMPTY', 'ENOENT')) throw error;
  }
}
