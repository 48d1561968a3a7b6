import { dirname } from 'node:path';
import { log } from '@temporalio/activity';
import type { EnginesmithFailure } from '../contracts/failures.js';
import type { StepRequest } from '../contracts/steps.js';
import { freeBytesOf } from '../platform/free-bytes.js';
import { readLogTail } from '../platform/process/job-log.js';
import type { JobOutcome, JobRunner } from '../platform/process/job-runner.js';
import type { Stall } from '../platform/process/stall-watch.js';
import { allowedRemedies } from '../toolchains/remedies.js';
import type { StepPlan } from '../toolchains/step-plan.js';
import { stalledFailure } from './attend-tool.js';
import { oomKilled } from './oom-killed.js';
import { toolFailure } from './tool-failure.js';

/** A tool that failed this often at one action is not tried again: the same inputs fail the same way. */
const MAXIMUM_TOOL_FAILURES = 2;

/** What a tool needs to say why it failed. */
const LOG_BYTES = 64 * 1024;

/** Whose tool it was. */
interface EndedTool {
  request: StepRequest;
  plan: StepPlan;
  jobId: string;
}

/** @throws EnginesmithFailure what `toolFailure` makes of a tool that failed */
export async function checkExit(
  jobs: JobRunner,
  { request, plan, jobId }: EndedTool,
  outcome: JobOutcome,
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

/** What a step fails with whose tool was ended because it had stalled. */
export async function explainStall(
  jobs: JobRunner,
  { plan, jobId }: Omit<EndedTool, 'request'>,
  stall: Stall,
): Promise<EnginesmithFailure> {
  const job = await jobs.inspect(jobId);
  return stalledFailure(stall, {
    plan,
    failures: await failuresOf(jobs, jobId),
    maximumFailures: MAXIMUM_TOOL_FAILURES,
    logTail: job.state === 'absent' ? '' : await readLogTail(job.logPath),
  });
}

/** How often the job's tool failed or stalled. */
const failuresOf = async (jobs: JobRunner, jobId: string): Promise<number> =>
  (await jobs.ledger(jobId)).filter(({ exitCode, endedBy }) => exitCode !== 0 || endedBy === 'stalled').length;
