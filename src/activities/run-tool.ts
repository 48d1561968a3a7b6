import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { activityInfo, log } from '@temporalio/activity';
import type { ActionKey, Digest } from '../contracts/artifacts.js';
import { EnginesmithFailure } from '../contracts/failures.js';
import type { StepOutcome, StepRequest } from '../contracts/steps.js';
import type { DiskReservation } from '../platform/disk-ledger.js';
import { freeBytesOf } from '../platform/free-bytes.js';
import { readLogEnd, readLogTail } from '../platform/process/job-log.js';
import type { JobOutcome, JobRunner } from '../platform/process/job-runner.js';
import { mpiSessionIn } from '../platform/tool-environment.js';
import { renderArgv, substitute } from '../toolchains/command.js';
import { allowedRemedies } from '../toolchains/remedies.js';
import type { StepPlan } from '../toolchains/step-plan.js';
import { endsWithAttempt } from './attempt.js';
import { type Attendance, attendTool, stalledFailure } from './attend-tool.js';
import { createWhenServed } from './busy-gpus.js';
import { commitAttempt } from './commit-attempt.js';
import type { ActivityDependencies } from './dependencies.js';
import { freeGpus, leaseGpus } from './lease-gpus.js';
import { makeArtifact } from './make-artifact.js';
import { materializeInputs } from './materialize-inputs.js';
import { preflight } from './preflight.js';
import { reserveStepDisk } from './reserve-disk.js';
import { KILL_GRACE_MS, runJob } from './run-job.js';
import { toolFailure } from './tool-failure.js';

/** A tool that runs without a worker for this long is ended; a worker that restarts comes back sooner. */
const OWNER_TIMEOUT_MS = 15 * 60_000;

/** A tool that failed this often at one action is not tried again: the same inputs fail the same way. */
const MAXIMUM_TOOL_FAILURES = 2;

/** What a tool needs to say why it failed. */
const LOG_BYTES = 64 * 1024;

/** What a step makes of a tool's output before it becomes an artifact. */
export interface FinishedTool {
  /** The directory that the tool wrote into. */
  output: string;
  /** For what is made of it. */
  scratch: string;
  /** What it printed, at most the last 8 MiB: tools report of themselves at the end. */
  log: string;
}

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
  (
    dependencies: ActivityDependencies,
    finish: (tool: FinishedTool) => Promise<string>,
    { checkInputs, listsOf }: ToolStepOptions = {},
  ) =>
  (request: StepRequest): Promise<StepOutcome> =>
    makeArtifact(request, dependencies, async (context) => {
      const { plan, key, signal, assertClaim, isClaimHeld } = context;
      const { client, configuration, jobs, launcher, leases, places, store, toolchain } = dependencies;
      const startedAtMs = Date.now();
      if (plan.command === null) throw new Error(`step ${plan.id} runs no tool`);
      await checkInputs?.(context.inputs);
      const jobId = toolJobId(plan.activity, key);
      const scratch = join(places.scratch, jobId);
      const output = join(scratch, 'output');
      const adopts = await hasUsableRun(jobs, jobId, output);
      if (!adopts) {
        // A failure is never cached: what earlier runs' tools did, before somebody asked again, counts no more.
        await (activityInfo().attempt === 1 ? jobs.forget(jobId) : jobs.remove(jobId));
        await rm(scratch, { recursive: true, force: true });
        await mkdir(output, { recursive: true });
      }

      const { spec } = request.admitted;
      const gpus = await leaseGpus(leases, {
        ...{ holder: jobId, count: plan.gpus, class: spec.gpuClass },
        whenServed: createWhenServed(request.admitted, client),
      });
      let attendance: Attendance | undefined;
      let disk: DiskReservation | undefined;
      let hasSucceeded = false;
      let isOutputKept = false;
      try {
        disk = await reserveStepDisk(dependencies, { request, plan, inputs: context.inputs, jobId, output });
        if (!adopts) await preflight(dependencies, jobId, gpus);
        const { paths, directories } = await materializeInputs(store, context.inputs, scratch);
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
        const { argv, environment } = launched;
        const command = { ...launched, ownerTimeoutMs: OWNER_TIMEOUT_MS };
        const outcome = await runJob(jobs, command, {
          signal,
          endsTool: (reason) => endsWithAttempt({ client, startedAtMs }, reason),
          explainFailure: launcher.explainFailure,
          attend: async (logPath) => {
            attendance = await attendTool(dependencies, {
              jobId,
              logPath,
              plan,
              directory: scratch,
              gpus,
              environment,
              argv,
            });
            return attendance;
          },
          explainStall: async (stall) => {
            const counts = { failures: await failuresOf(jobs, jobId), maximumFailures: MAXIMUM_TOOL_FAILURES };
            const job = await jobs.inspect(jobId);
            const logTail = job.state === 'absent' ? '' : await readLogTail(job.logPath);
            return stalledFailure(stall, { plan, ...counts, logTail });
          },
        });
        // The outcome is anybody's to read; the output is moved away, and only one may do that.
        await assertClaim();
        await checkExit(dependencies, { request, plan, jobId, outcome });
        hasSucceeded = true;
        // Anew after a crash: files that an attempt before made here may be an artifact's by now.
        const finished = join(scratch, 'finished');
        await rm(finished, { recursive: true, force: true });
        await mkdir(finished);
        const made = await finish({ output, scratch: finished, log: await readLogEnd(outcome.logPath) });
        const staging = await store.stage(plan.artifact, { from: made });
        const { startedAt, endedAt, logPath } = outcome;
        const committed = await commitAttempt(dependencies, context, staging, {
          startedAt,
          endedAt,
          logPath,
          argv: [[...argv]],
          gpus,
          environment,
        });
        // While its processes are still on record, by which a GPU that is not clean is told from one that is.
        await freeGpus(leases, jobId);
        await jobs.forget(jobId);
        await attendance?.end(undefined);
        return committed;
      } catch (failure) {
        isOutputKept = hasSucceeded && !signal.aborted && isAboutTheStore(failure);
        await attendance?.end(signal.aborted ? signal.reason : failure);
        throw failure;
      } finally {
        const isOurs = await isClaimHeld().catch(() => false);
        if (!isOurs) await leases.leave(jobId);
        else await leaveJob(dependencies, { jobId, scratch, isOutputKept });
        if ((await jobs.inspect(jobId)).state === 'running') disk?.leave();
        else await disk?.release();
      }
    });

/** The same for every attempt at an action; whoever clears leftovers reads the key in it. */
const toolJobId = (activity: string, key: ActionKey): string => `${activity}-${key}`;

/** Whether an earlier attempt left a run that goes on, or that ended by itself and whose output is still there. */
async function hasUsableRun(jobs: JobRunner, jobId: string, output: string): Promise<boolean> {
  const job = await jobs.inspect(jobId);
  if (job.state === 'running') return true;
  return job.state === 'exited' && job.exit.endedBy === 'tool' && existsSync(output);
}

/** @throws EnginesmithFailure what `toolFailure` makes of a tool that failed */
async function checkExit(
  { jobs }: ActivityDependencies,
  { request, plan, jobId, outcome }: { request: StepRequest; plan: StepPlan; jobId: string; outcome: JobOutcome },
): Promise<void> {
  if (outcome.exitCode === 0) return;
  const failures = await failuresOf(jobs, jobId);
  log.warn('a tool failed', { step: plan.id, exitCode: outcome.exitCode, signal: outcome.signal, failures });
  throw await toolFailure({
    ...outcome,
    oomKilled: oomKilled(outcome),
    diskFull: (await freeBytesOf(dirname(outcome.logPath))) < LOG_BYTES,
    tool: plan.activity,
    subject: `${plan.activity} (${plan.id})`,
    step: plan.id,
    failures,
    maximumFailures: MAXIMUM_TOOL_FAILURES,
    remedies: allowedRemedies(request, plan.activity),
  });
}

/** How often the job's tool failed or stalled. */
const failuresOf = async (jobs: JobRunner, jobId: string): Promise<number> =>
  (await jobs.ledger(jobId)).filter(({ exitCode, endedBy }) => exitCode !== 0 || endedBy === 'stalled').length;

/** Whether what the kernel killed for want of memory was of this tool, as far as this host counts. */
function oomKilled({ outOfMemoryKills, signal, exitCode }: JobOutcome): boolean | undefined {
  if (outOfMemoryKills === undefined) return undefined;
  if (outOfMemoryKills.count === 0) return false;
  // Counts of a wider scope may be about others: the tool's own end has to agree.
  return outOfMemoryKills.scope === 'run' || signal === 'SIGKILL' || exitCode === 128 + 9;
}

/** A disk that is full, or whatever else is wrong with the store, is no reason to make again what took hours. */
const isAboutTheStore = (failure: unknown): boolean =>
  !(failure instanceof EnginesmithFailure) || failure.type === 'InsufficientDisk';

/** Frees the GPUs, and removes the job unless a later attempt is to find it running, or what it made. */
async function leaveJob(
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
