import { isDeepStrictEqual } from 'node:util';
import { EnginesmithFailure } from '../../contracts/failures.js';
import { endRun } from './end-run.js';
import { requireProgram } from './find-program.js';
import type { JobKind, JobRecord } from './job-records.js';
import { createRun, currentRun, type Run } from './job-runs.js';
import { type RunOwnership, takeOwnership } from './run-ownership.js';
import { readRunState } from './run-state.js';
import { startSupervisor } from './start-supervisor.js';

/** What a job runs, and how. */
export interface JobCommand {
  readonly argv: readonly [program: string, ...rest: string[]];
  /** The whole environment of the tool, handed on by inheritance only: it may hold secrets. */
  readonly environment: Readonly<Record<string, string>>;
  /** Absolute. With argv it decides whether a later call means the same run: keep it equal across attempts. */
  readonly workingDirectory: string;
  /** task: ends with its first process. service: ends with the last process of its session. */
  readonly kind: JobKind;
  /** The tool is ended when no owner has shown itself for so long. null: it needs none and outlives workers. */
  readonly ownerTimeoutMs: number | null;
  /** Between SIGTERM and SIGKILL. @default 10000 */
  readonly killGraceMs?: number;
  /**
   * Run when the tool's session has ended, however it did, until it exits 0: ends what else belongs to the run and may be
   * gone already. It gets the tool's environment, or the worker's where the run has lost its supervisor. @default none
   */
  readonly endCommand?: readonly string[] | undefined;
  /** The UUIDs of the GPUs that it sees, for whoever finds the run later. @default none */
  readonly gpus?: readonly string[] | undefined;
}

export interface ClaimedRun {
  readonly run: Run;
  readonly ownership: RunOwnership;
  /** Whether the run was there already. */
  readonly adopted: boolean;
}

/** Every rival that comes between costs one round; more than a few at once for one job is a fault of the callers. */
const maximumRounds = 10;

/**
 * Becomes the owner of the job's run of this very command: adopts the one that is there, whatever a crash has left undone, or
 * ends what else is there and creates a new one. Of several processes that race, one creates and the last to come owns.
 * @param reuseFinished whether a finished run of the command counts, or a new one is wanted
 * @throws EnginesmithFailure ToolMissing, PrerequisiteMissing (no supervisor), ToolFailed (the old run survives SIGKILL)
 */
export async function claimRun(
  jobDirectory: string,
  command: JobCommand,
  { reuseFinished }: { reuseFinished: boolean },
): Promise<ClaimedRun> {
  const { argv, workingDirectory, kind, ownerTimeoutMs, killGraceMs = 10_000, endCommand, gpus = [] } = command;
  const { environment } = command;
  const more = { ownerTimeoutMs, killGraceMs, endCommand: endCommand && [...endCommand], gpus: [...gpus] };
  const job = { kind, argv: [...argv], workingDirectory, ...more };
  for (let round = 0; round < maximumRounds; round += 1) {
    const current = await currentRun(jobDirectory);
    if (current !== undefined) {
      const claimed = isSameCommand(current.job, job) && (await adopt(current, environment, reuseFinished));
      if (claimed) return claimed;
      await takeOwnership(current);
      await endRun(current, { graceMs: current.job.killGraceMs });
    }
    await requireProgram(argv[0], { environment, workingDirectory });
    const run = await createRun(jobDirectory, current, job);
    if (run === undefined) continue;
    const ownership = await takeOwnership(run);
    await startSupervisor(run, environment);
    return { run, ownership, adopted: false };
  }
  throw new EnginesmithFailure('ClaimHeld', `Other attempts keep starting ${argv[0]} anew in ${jobDirectory}.`, {
    benign: true,
  });
}

async function adopt(
  run: Run,
  environment: JobCommand['environment'],
  reuseFinished: boolean,
): Promise<ClaimedRun | undefined> {
  const current = await readRunState(run.directory);
  if (current.state === 'running' || (current.state === 'exited' && current.exit.endedBy === 'tool' && reuseFinished)) {
    return { run, ownership: await takeOwnership(run), adopted: true };
  }
  if (current.state !== 'unclaimed') return undefined;
  // Its creator may have died before it started a supervisor. If it lives, two come up, and the claim decides.
  const ownership = await takeOwnership(run);
  await startSupervisor(run, environment);
  return { run, ownership, adopted: false };
}

/** The time limits may be configured anew between attempts; they do not make it another command. */
function isSameCommand(left: Omit<JobRecord, 'runId'>, right: Omit<JobRecord, 'runId'>): boolean {
  return (
    left.kind === right.kind &&
    left.workingDirectory === right.workingDirectory &&
    isDeepStrictEqual(left.argv, right.argv)
  );
}
