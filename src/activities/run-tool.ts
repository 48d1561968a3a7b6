import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { log } from '@temporalio/activity';
import type { Digest } from '../contracts/artifacts.js';
import { EnginesmithFailure, type FailureType } from '../contracts/failures.js';
import type { StepOutcome, StepRequest } from '../contracts/steps.js';
import type { DiskReservation } from '../platform/disk-ledger.js';
import type { GpuLeases } from '../platform/gpu-leases.js';
import { type GpuDevice, uuidOf } from '../platform/gpus/device.js';
import { readLogEnd } from '../platform/process/job-log.js';
import type { JobOutcome } from '../platform/process/job-runner.js';
import type { CommitResult } from '../platform/store/commit.js';
import { mpiSessionIn } from '../platform/tool-environment.js';
import type { LaunchedTool } from '../platform/tool-launcher.js';
import { renderArgv, substitute } from '../toolchains/command.js';
import type { StepPlan } from '../toolchains/step-plan.js';
import { endsWithAttempt } from './attempt.js';
import { type Attendance, attendTool } from './attend-tool.js';
import { createWhenServed } from './busy-gpus.js';
import { commitAttempt } from './commit-attempt.js';
import type { ActivityDependencies } from './dependencies.js';
import { freeGpus, leaseGpus } from './lease-gpus.js';
import { type MakeContext, makeArtifact } from './make-artifact.js';
import { materializeInputs } from './materialize-inputs.js';
import { preflight } from './preflight.js';
import { reserveStepDisk } from './reserve-disk.js';
import { runJob } from './run-job.js';
import { checkExit, explainStall } from './tool-end.js';
import { type LeftRun, leaveJob, openPlace, type ToolPlace, toolJobId } from './tool-place.js';

/** A tool that runs without a worker for this long is ended; a worker that restarts comes back sooner. */
const OWNER_TIMEOUT_MS = 15 * 60_000;

/** What a step makes of a tool's output before it becomes an artifact. */
export interface FinishedTool {
  /** The directory that the tool wrote into. */
  output: string;
  /** For what is made of it. */
  scratch: string;
  /** What it printed, at most the last 8 MiB: tools report of themselves at the end. */
  log: string;
}

type Finish = (tool: FinishedTool) => Promise<string>;

interface ToolStepOptions {
  checkInputs?: (inputs: Record<string, Digest>) => Promise<void>;
  listsOf?: (inputs: Record<string, string>) => Promise<Record<string, string[]>>;
}

/**
 * A step that runs one tool. The job and its scratch directory are named by the action, so that the next attempt on this
 * host finds a tool that outlived its worker and takes its outcome.
 * @param finish checks the output against what the tool should have made, or throws `ToolOutputInvalid`; returns the
 *   directory that becomes the artifact. It may run again on the same output, after a crash.
 * @param options.checkInputs refuses inputs, by their digests, before a GPU is leased for them
 * @param options.listsOf values of the command's list placeholders, from the local directories of its inputs
 */
export const createToolStep =
  (dependencies: ActivityDependencies, finish: Finish, { checkInputs, listsOf }: ToolStepOptions = {}) =>
  (request: StepRequest): Promise<StepOutcome> =>
    makeArtifact(request, dependencies, async (context) => {
      const startedAtMs = Date.now();
      const { plan, key, signal, assertClaim, isClaimHeld } = context;
      const { client, jobs, leases, places } = dependencies;
      const { devices } = dependencies.toolchain;
      await checkInputs?.(context.inputs);
      const jobId = toolJobId(plan.activity, key);
      const scratch = join(places.scratch, jobId);
      const place = { jobId, scratch, output: join(scratch, 'output') };
      const left = await openPlace(jobs, place);
      const leased = await leaseGpus(leases, {
        holder: jobId,
        count: await gpusFor(leases, { jobId, plan, left }),
        class: request.admitted.spec.gpuClass,
        whenServed: createWhenServed(request.admitted, client),
      });
      const gpus = left?.state === 'exited' ? devices.filter((device) => left.gpus.includes(uuidOf(device))) : leased;
      const run: ToolRun = { ...place, request, context, startedAtMs, left, gpus };
      let attendance: Attendance | undefined;
      let disk: DiskReservation | undefined;
      let isOutputWanted = false;
      try {
        disk = await reserveDisk(dependencies, run);
        if (left === undefined) await preflight(dependencies, jobId, gpus);
        const command = await launchTool(dependencies, run, listsOf);
        const outcome = await runTool(dependencies, run, {
          command,
          onAttended: (attended) => {
            attendance = attended;
          },
        });
        // The outcome is anybody's to read; the output is moved away, and only one may do that.
        await assertClaim();
        await checkExit(jobs, { request, plan, jobId }, outcome);
        const committed = await commitOutput(dependencies, run, { command, outcome, finish });
        // While its processes are still on record, by which a GPU that is not clean is told from one that is.
        await freeGpus(leases, jobId);
        await jobs.forget(jobId);
        await attendance?.end(undefined);
        return committed;
      } catch (failure) {
        const isOver = signal.aborted && (await endsWithAttempt({ client, startedAtMs }, signal.reason));
        isOutputWanted = !isOver && (signal.aborted || isAboutTheHost(failure));
        await attendance?.end(signal.aborted ? signal.reason : failure);
        throw failure;
      } finally {
        try {
          const isOurs = await isClaimHeld().catch(() => false);
          if (!isOurs) await leases.leave(jobId);
          else await leaveJob(dependencies, { jobId, scratch, isOutputWanted });
        } finally {
          if ((await jobs.inspect(jobId)).state === 'running') disk?.leave();
          else await disk?.release();
        }
      }
    });

/** An attempt's run of its tool. */
interface ToolRun extends ToolPlace {
  request: StepRequest;
  context: MakeContext;
  /** When the attempt began, by `Date.now()`. */
  startedAtMs: number;
  /** What it found and goes on with. */
  left: LeftRun | undefined;
  /** Those that its tool sees, or saw. */
  gpus: readonly GpuDevice[];
}

/**
 * How many GPUs a step leases: a tool that runs keeps all that it was given, whatever this pipeline would have given it, and
 * what one that has ended has made waits for none.
 */
async function gpusFor(
  leases: GpuLeases,
  { jobId, plan, left }: { jobId: string; plan: StepPlan; left: LeftRun | undefined },
): Promise<number> {
  if (left?.state === 'exited') return 0;
  if (left === undefined) return plan.gpus;
  const held = (await leases.list()).filter(({ holder }) => holder === jobId);
  return held.length || plan.gpus;
}

/** What a tool has yet to write. One that has ended writes nothing more, and one that runs is not ended for want of space. */
async function reserveDisk(
  dependencies: ActivityDependencies,
  { request, context: { plan, inputs }, left, jobId, output }: ToolRun,
): Promise<DiskReservation | undefined> {
  if (left?.state === 'exited') return undefined;
  try {
    return await reserveStepDisk(dependencies, { request, plan, inputs, jobId, output });
  } catch (failure) {
    if (left === undefined || !(failure instanceof EnginesmithFailure)) throw failure;
    log.warn('the disk may not hold what a running tool has yet to write', { step: plan.id, failure: failure.message });
    return undefined;
  }
}

/** The command that starts the step's tool, its inputs in place; that of the run which is there, if one is. */
async function launchTool(
  { configuration, launcher, store, toolchain }: ActivityDependencies,
  { context: { plan, inputs }, jobId, scratch, output, left, gpus }: ToolRun,
  listsOf: ToolStepOptions['listsOf'],
): Promise<LaunchedTool> {
  if (plan.command === null) throw new Error(`step ${plan.id} runs no tool`);
  const { paths, directories } = await materializeInputs(store, inputs, scratch);
  const values = { ...paths, toolchain: toolchain.root, output };
  const launched = launcher.launch({
    jobId,
    argv: substitute(renderArgv(plan.command), values, (await listsOf?.(paths)) ?? {}),
    kind: 'task',
    gpus,
    variables: {
      HF_ENDPOINT: configuration.hub.endpoint,
      HF_HOME: join(scratch, 'huggingface'),
      // Progress is read while it is made: into a file, Python writes 8 KiB at a time.
      PYTHONUNBUFFERED: '1',
      ...mpiSessionIn(scratch),
    },
    workingDirectory: scratch,
    inputs: directories,
    reaches: 'hub',
  });
  return left === undefined ? launched : { ...launched, argv: left.argv };
}

/** Runs the tool, or finds the one that an earlier attempt left, and attends to it until it ends. */
function runTool(
  dependencies: ActivityDependencies,
  { context: { plan, signal }, startedAtMs, jobId, scratch, gpus }: ToolRun,
  { command, onAttended }: { command: LaunchedTool; onAttended: (attendance: Attendance) => void },
): Promise<JobOutcome> {
  const { client, jobs, launcher } = dependencies;
  const { argv, environment } = command;
  return runJob(
    jobs,
    { ...command, ownerTimeoutMs: OWNER_TIMEOUT_MS },
    {
      signal,
      endsTool: (reason) => endsWithAttempt({ client, startedAtMs }, reason),
      explainFailure: launcher.explainFailure,
      attend: async (logPath) => {
        const tool = { jobId, logPath, plan, directory: scratch, gpus, environment, argv };
        const attendance = await attendTool(dependencies, tool);
        onAttended(attendance);
        return attendance;
      },
      explainStall: (stall) => explainStall(jobs, { plan, jobId }, stall),
    },
  );
}

/** Makes the output of a tool that did well the step's artifact. */
async function commitOutput(
  dependencies: ActivityDependencies,
  { context, output, scratch, gpus }: ToolRun,
  { command, outcome, finish }: { command: LaunchedTool; outcome: JobOutcome; finish: Finish },
): Promise<CommitResult> {
  const { argv, environment } = command;
  const { startedAt, endedAt, logPath } = outcome;
  // Anew after a crash: files that an attempt before made here may be an artifact's by now.
  const finished = join(scratch, 'finished');
  await rm(finished, { recursive: true, force: true });
  await mkdir(finished);
  const made = await finish({ output, scratch: finished, log: await readLogEnd(logPath) });
  const staging = await dependencies.store.stage(context.plan.artifact, { from: made });
  const facts = { startedAt, endedAt, logPath, argv: [[...argv]], gpus, environment };
  return commitAttempt(dependencies, context, staging, facts);
}

/** Failures that say nothing about an output. */
const ABOUT_THE_HOST: readonly FailureType[] = ['InsufficientDisk', 'RemoteStoreUnavailable', 'ClaimHeld', 'NoFreeGpu'];

/** A disk that is full, or a bucket that does not answer, is no reason to make again what took hours. */
const isAboutTheHost = (failure: unknown): boolean =>
  !(failure instanceof EnginesmithFailure) || ABOUT_THE_HOST.includes(failure.type);
