import { activityInfo, type Context } from '@temporalio/activity';
import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import type { ActivityInboundCallsInterceptor } from '@temporalio/worker';
import { EnginesmithFailure } from '../contracts/failures.js';
import { heartbeatDetails } from './report-progress.js';

/** Well inside every heartbeat timeout, and how soon an activity learns that it is cancelled. */
const HEARTBEAT_INTERVAL_MS = 1_000;

const CAUSE_CHARACTERS = 2_000;

/**
 * What every activity has in common: it beats from a timer, because tools are silent for minutes; its cancellation is
 * reported as one, whatever broke while it stopped; and its failures keep their type on the wire.
 */
export function createActivityInterceptor(context: Context): ActivityInboundCallsInterceptor {
  return {
    async execute(input, next) {
      const beats = activityInfo().heartbeatTimeoutMs !== undefined;
      const timer = beats
        ? setInterval(() => context.heartbeat(heartbeatDetails(context)), HEARTBEAT_INTERVAL_MS)
        : undefined;
      try {
        return await next(input);
      } catch (failure) {
        if (context.cancellationSignal.aborted) throw context.cancellationSignal.reason;
        throw failure instanceof EnginesmithFailure ? toApplicationFailure(failure) : failure;
      } finally {
        clearInterval(timer);
      }
    },
  };
}

/** An EnginesmithFailure as it crosses the wire: its type decides, its context is readable in the Web UI. */
function toApplicationFailure(failure: EnginesmithFailure): ApplicationFailure {
  const { type, message, retryable, benign, nextRetryDelayMs, context } = failure;
  return ApplicationFailure.create({
    type,
    message,
    nonRetryable: !retryable,
    details: [context],
    ...(failure.cause instanceof Error ? { cause: bounded(failure.cause) } : {}),
    ...(nextRetryDelayMs === undefined ? {} : { nextRetryDelay: nextRetryDelayMs }),
    ...(benign ? { category: ApplicationFailureCategory.BENIGN } : {}),
  });
}

/** A schema that refuses a file of thousands of rows says so thousands of times: the history takes the beginning. */
function bounded({ name, message, stack = '' }: Error): Error {
  const cause = new Error(message.slice(0, CAUSE_CHARACTERS));
  cause.name = name;
  cause.stack = stack.slice(0, CAUSE_CHARACTERS);
  return cause;
}
