import { setTimeout as sleep } from 'node:timers/promises';
import { EnginesmithFailure } from '../../contracts/failures.js';

export interface RetryPolicy {
  /** Tries in a row without progress. */
  attempts: number;
  initialDelayMs: number;
  /** Also the longest Retry-After that is waited for here; a longer one is left to the caller's schedule. */
  maximumDelayMs: number;
}

/** Rides out a restart of a server or a proxy; an outage of minutes goes to the workflow's own retry policy. */
export const defaultRetryPolicy: RetryPolicy = { attempts: 7, initialDelayMs: 500, maximumDelayMs: 30_000 };

/** What may heal by itself: 5xx, 429, a stalled or cut connection. Never leaves this folder. */
export class TransientFault extends Error {
  override readonly name = 'TransientFault';
  readonly retryAfterMs: number | undefined;

  constructor(message: string, options: { retryAfterMs?: number | undefined; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** Statuses after which the same request may succeed. */
export const isTransientStatus = (status: number): boolean => status >= 500 || status === 429 || status === 408;

/** No server's word makes anybody wait for longer: its clock may be wrong, or its header meant for a crawler. */
const MAXIMUM_RETRY_AFTER_MS = 15 * 60 * 1000;

/** A Retry-After header, in seconds or as a date, as milliseconds from now; undefined when it asks for no pause. */
export function parseRetryAfterMs(value: string | null | undefined): number | undefined {
  const text = value?.trim() ?? '';
  const delayMs = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return delayMs > 0 ? Math.min(delayMs, MAXIMUM_RETRY_AFTER_MS) : undefined;
}

/**
 * Exponential, with a quarter of jitter so that workers that were cut together do not come back together; what the server
 * asks for, where that is longer.
 */
function delayAfter(fault: TransientFault, failures: number, policy: RetryPolicy): number {
  const delayMs = Math.min(policy.initialDelayMs * 2 ** (failures - 1), policy.maximumDelayMs);
  return Math.max(delayMs * (0.75 + Math.random() * 0.25), fault.retryAfterMs ?? 0);
}

/** Less than this between two faults is no progress: a server that cuts after every few bytes is not waited for without end. */
const PROGRESS_BYTES = 1024 * 1024;

export interface RetryOptions {
  policy: RetryPolicy;
  /** What was asked for, for the message. */
  subject: string;
  /** Bytes that have arrived so far; faults between which they grew are counted anew. */
  progress?: () => number;
  signal?: AbortSignal | undefined;
}

/**
 * Runs `operation` until it succeeds or fails with anything but a TransientFault.
 * @throws EnginesmithFailure `HubUnavailable` when the policy is used up, or when the server asks for a longer pause
 */
export async function retryTransient<T>(operation: () => Promise<T>, options: RetryOptions): Promise<T> {
  const { policy, subject, progress = () => 0, signal } = options;
  let reached = progress();
  for (let failures = 0; ; ) {
    try {
      return await operation();
    } catch (error) {
      if (!(error instanceof TransientFault)) throw error;
      failures = progress() >= reached + PROGRESS_BYTES ? 1 : failures + 1;
      reached = progress();
      const delayMs = delayAfter(error, failures, policy);
      if (failures >= policy.attempts || delayMs > policy.maximumDelayMs) throw unavailable(error, subject, failures);
      await sleep(delayMs, undefined, signal === undefined ? {} : { signal });
    }
  }
}

function unavailable(fault: TransientFault, subject: string, failures: number): EnginesmithFailure {
  const hint = 'Check that the worker reaches HF_ENDPOINT; what has arrived is kept, and another try goes on from it.';
  return new EnginesmithFailure('HubUnavailable', `The Hub does not serve ${subject}: ${fault.message}. ${hint}`, {
    ...(fault.retryAfterMs === undefined ? {} : { nextRetryDelayMs: fault.retryAfterMs }),
    context: { subject, failures },
    cause: fault,
  });
}
