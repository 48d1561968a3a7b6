import { setTimeout as sleep } from 'node:timers/promises';
import { EnginesmithFailure } from '../../contracts/failures.js';

const POLL_INTERVAL_MS = 100;

/**
 * Waits until something is so.
 * @param holds asked again and again; an error counts as no
 * @throws EnginesmithFailure `PrerequisiteMissing` after `timeoutMs`, and the signal's reason when it is aborted
 */
export async function waitUntil(
  what: string,
  holds: () => Promise<boolean>,
  { timeoutMs, signal }: { timeoutMs: number; signal?: AbortSignal },
): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  let lastError = '';
  while (performance.now() < deadlineMs) {
    signal?.throwIfAborted();
    try {
      if (await holds()) return;
    } catch (error) {
      lastError = `: ${error}`;
    }
    await sleep(POLL_INTERVAL_MS);
  }
  throw new EnginesmithFailure(
    'PrerequisiteMissing',
    `${what} did not happen within ${timeoutMs / 1000} s${lastError}. The logs say why.`,
  );
}
