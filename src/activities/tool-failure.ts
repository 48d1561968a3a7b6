import { stripVTControlCharacters } from 'node:util';
import { EnginesmithFailure } from '../contracts/failures.js';
import { printable } from '../contracts/printable.js';
import type { AppliedRemedy } from '../contracts/remedies.js';
import { readLogEnd, readLogTail } from '../platform/process/job-log.js';
import { classifyFailure } from '../toolchains/failure-signatures/classify.js';
import type { Evidence } from '../toolchains/failure-signatures/signature.js';
import { tritonLoadFailure } from '../toolchains/failure-signatures/triton.js';

/** Of a line that names the failure, in messages and in the Web UI. */
const LINE_CHARACTERS = 300;

/** As it may stand in a message. */
const shown = (line: string): string => printable(stripVTControlCharacters(line)).slice(0, LINE_CHARACTERS);

/** A tool that ended with a failure. */
export interface FailedRun extends Omit<Evidence, 'log' | 'notReady'> {
  /** Completes "… failed": what was run, for whom. */
  subject: string;
  logPath: string;
  logTail: string;
  step: string;
  /** How often it failed at this action, this time included. */
  failures: number;
  /** After so many it is not tried again. */
  maximumFailures: number;
  /** What the spec allows to change before the step is tried again. @default nothing */
  remedies?: readonly AppliedRemedy[];
}

/**
 * Why a tool failed: what docs/failures.md knows of it, else `ToolFailed` while another attempt may help, then
 * `AttemptsExhausted`. The first line of the message says what happened and what to do.
 */
export async function toolFailure(run: FailedRun): Promise<EnginesmithFailure> {
  const { subject, step, exitCode, signal, failures, maximumFailures, logTail } = run;
  const end = `The end of its log:\n${logTail}`;
  const isLast = failures >= maximumFailures;
  const counted = isLast ? `It failed ${failures} times. ` : '';
  const context = { step, failures, exitCode, signal };
  const known = classifyFailure({ ...run, log: await readLogEnd(run.logPath) });
  if (known === undefined) {
    const how = signal === null ? `exited with code ${exitCode}` : `was ended by ${signal}`;
    const type = isLast ? 'AttemptsExhausted' : 'ToolFailed';
    return new EnginesmithFailure(type, `${counted}${subject} ${how}. ${end}`, { context });
  }
  const { signature, line } = known;
  const remedy = run.remedies?.find(({ after }) => after === signature.type);
  const said = line === undefined ? '' : `: ${shown(line)}`;
  return new EnginesmithFailure(
    signature.type,
    `${signature.retryable ? counted : ''}${subject} ${signature.title}${said}. ` +
      `${remedy === undefined ? signature.remedy : `onFailure.${remedy.name} changes ${remedy.change}.`}\n${end}`,
    {
      // With a remedy it is the workflow that tries again.
      retryable: signature.retryable && !isLast && remedy === undefined,
      context: {
        ...context,
        signature: signature.code,
        ...(line === undefined ? {} : { line: shown(line) }),
        ...(remedy === undefined ? {} : { remedy: remedy.name, remedyKind: remedy.kind, remedyChange: remedy.change }),
      },
    },
  );
}

/**
 * What a Triton's log says about why it did not come up: one sentence with the model and the cause in place of a stack of
 * C++. The given failure where no row of docs/failures.md knows it, with the end of the log.
 * @param notReady models of a Triton that runs and answers ready
 */
export async function tritonFailure(
  failure: EnginesmithFailure,
  logPath: string,
  notReady: readonly string[] = [],
): Promise<EnginesmithFailure> {
  const log = await readLogEnd(logPath);
  const end = await readLogTail(logPath);
  const known = classifyFailure({ tool: 'triton', log, exitCode: null, signal: null, notReady });
  const { context } = failure;
  if (known === undefined) {
    return new EnginesmithFailure(failure.type, `${failure.message}\n${end}`, { context, cause: failure });
  }
  const { signature, line } = known;
  const loading = tritonLoadFailure(log);
  const what =
    loading === undefined
      ? `Triton ${signature.title}${line === undefined ? '' : `: ${shown(line)}`}`
      : `Triton could not load ${loading.model}: ${shown(loading.cause)}`;
  return new EnginesmithFailure(signature.type, `${what}. ${signature.remedy}\nThe end of its log:\n${end}`, {
    // Its revision is not the only thing on its host: whoever asked for it decides whether it is tried again.
    retryable: false,
    context: { ...context, signature: signature.code, ...(loading === undefined ? {} : { model: loading.model }) },
    cause: failure,
  });
}
