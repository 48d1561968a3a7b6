import { printable } from '../contracts/printable.js';
import type { AttemptLog } from '../platform/logs/attempt-logs.js';

/** How an attempt ended, or that it has not. */
export const attemptSentence = ({ step, attempt, state, host, failure }: AttemptLog): string => {
  const why = failure === null ? '' : `: ${failure.type}. ${failure.message}`;
  const how: Record<AttemptLog['state'], string> = {
    running: `runs on ${host}, or lost its worker there`,
    succeeded: `succeeded on ${host}`,
    failed: `failed on ${host}`,
    cancelled: `was cancelled on ${host}`,
    left: `was left to the next one by its worker on ${host}`,
  };
  return printable(`${step}, attempt ${attempt}, ${how[state]}${why}`);
};
