import { writeFile } from 'node:fs/promises';
import { activityInfo, log } from '@temporalio/activity';
import { CancelledFailure } from '@temporalio/common';
import { EnginesmithFailure } from '../contracts/failures.js';
import type { StepId } from '../contracts/steps.js';
import { type GpuDevice, isVirtual, uuidOf } from '../platform/gpus/device.js';
import { type AttemptState, attemptFiles } from '../platform/logs/attempt-logs.js';
import { startLogMirror } from '../platform/logs/log-mirror.js';
import { readProgressSignals } from '../platform/process/progress-signals.js';
import { readStacks } from '../platform/process/read-stacks.js';
import { type Stall, watchForStall } from '../platform/process/stall-watch.js';
import { progressReader } from '../toolchains/progress/progress-readers.js';
import type { StepPlan } from '../toolchains/step-plan.js';
import { isCancelRequest } from './attempt.js';
import type { ActivityDependencies } from './dependencies.js';
import { processesOfHolder } from './processes-of-holder.js';
import { createProgressReport } from './report-progress.js';
import { stallLimitsOf } from './stall-limits.js';

/** A tool that runs, and what belongs to it. */
export interface AttendedTool {
  jobId: string;
  logPath: string;
  plan: StepPlan;
  /** Where it writes. */
  directory: string;
  gpus: readonly GpuDevice[];
  argv: readonly string[];
  environment: Readonly<Record<string, string>>;
}

/** What a worker does beside waiting for a tool. */
export interface Attendance {
  /** To be told each line of its output. */
  onOutput(line: string): void;
  /** Aborted, with the stall as reason, once the tool has shown no progress for too long; its stacks are kept by then. */
  readonly stalled: AbortSignal;
  /** Stops watching, and copies the rest of the log, which goes with the job. */
  toolEnded(): Promise<void>;
  /** Records how the attempt ended. @param failure what the attempt ends with; undefined when its tool did well */
  end(failure: unknown): Promise<void>;
}

/** Mirrors the tool's log to the store, reads its progress, and watches whether it gets on. */
export async function attendTool(dependencies: ActivityDependencies, tool: AttendedTool): Promise<Attendance> {
  const { configuration, places, stallLimits = stallLimitsOf } = dependencies;
  const { jobId, logPath, plan, directory, gpus, environment, argv } = tool;
  const report = createProgressReport({ step: plan.id, host: configuration.host });
  const readProgress = progressReader(plan.activity, argv);
  const { workflowExecution, activityId, attempt } = activityInfo();
  const { workflowId = 'none', runId = 'none' } = workflowExecution ?? {};
  const mirror = await startLogMirror({
    logsDirectory: places.logs,
    logPath,
    facts: { workflowId, runId, step: plan.id, activityId, attempt, host: configuration.host },
    onFailure: (failure) =>
      log.warn('the log could not be copied to the store', { step: plan.id, failure: `${failure}` }),
  });
  const pids = (): Promise<number[]> => processesOfHolder(dependencies, jobId);
  const stalled = new AbortController();
  const onStall = async (stall: Stall): Promise<void> => {
    const path = { PATH: `${environment.PATH ?? ''}:${process.env.PATH ?? ''}` };
    await pids()
      .then((found) => readStacks(found, path))
      .then((stacks) => writeFile(attemptFiles(mirror.directory).stacks, stacks))
      .catch((failure: unknown) =>
        log.warn('the stacks of a stalled tool could not be kept', { failure: `${failure}` }),
      );
    stalled.abort(stall);
  };
  const limits = stallLimits(plan.activity, configuration.stallMs);
  const uuids = gpus.flatMap((gpu) => (isVirtual(gpu) ? [] : [uuidOf(gpu)]));
  const read = () => readProgressSignals({ logPath, directory, gpus: uuids, pids });
  const stopWatching = limits && watchForStall({ limits, read, onStall });
  return {
    stalled: stalled.signal,
    onOutput(line) {
      const progress = readProgress(line);
      if (progress !== undefined) report(progress);
    },
    async toolEnded() {
      stopWatching?.();
      await mirror.flush();
    },
    async end(failure) {
      const state = stateAfter(failure);
      const { message } = failure instanceof Error ? failure : { message: '' };
      const type = failure instanceof EnginesmithFailure ? failure.type : 'Error';
      await mirror.finish({
        state,
        failure: state === 'failed' ? { type, message: message.split('\n')[0] ?? '' } : null,
      });
    },
  };
}

/** What is said of an attempt's log that ended so. */
function stateAfter(failure: unknown): AttemptState {
  if (failure === undefined) return 'succeeded';
  if (isCancelRequest(failure)) return 'cancelled';
  const isLeft = failure instanceof CancelledFailure || (failure instanceof EnginesmithFailure && failure.benign);
  return isLeft ? 'left' : 'failed';
}

/** Why a tool was ended that had stalled. The message says where its stacks are: with its log, in the store. */
export function stalledFailure(
  { kind, lastedMs }: Stall,
  {
    plan,
    failures,
    maximumFailures,
    logTail,
  }: { plan: StepPlan; failures: number; maximumFailures: number; logTail: string },
): EnginesmithFailure {
  const minutes = lastedMs < 90_000 ? `${Math.round(lastedMs / 1000)} s` : `${Math.round(lastedMs / 60_000)} min`;
  const showed =
    kind === 'idle'
      ? `showed no sign of life for ${minutes}: no output, no file, no CPU time, no GPU at work`
      : `was busy for ${minutes} without output or a file that changed, as ranks are that wait for one another`;
  const isLast = failures >= maximumFailures;
  const next = isLast ? `That happened ${failures} times: it is not tried again.` : 'It was ended, and is tried again.';
  return new EnginesmithFailure(
    'Stalled',
    `${plan.activity} (${plan.id}) ${showed}. ${next} What its processes waited in is kept with its log: ` +
      `\`npx enginesmith logs ID --step ${plan.id} --stacks\`. ENGINESMITH_STALL_SECONDS on the worker gives tools longer.` +
      `\nThe end of its log:\n${logTail}`,
    { retryable: !isLast, context: { step: plan.id satisfies StepId, kind, lastedMs: Math.round(lastedMs), failures } },
  );
}
