import { setTimeout as delay } from 'node:timers/promises';
import { EnginesmithFailure } from '../../contracts/failures.js';
import type { TritonClient } from './client.js';

export interface WaitUntilReadyOptions {
  /** Every model that must be ready, the ensemble among them: a rank may answer ready without it. */
  models: readonly string[];
  deadlineMs: number;
  /** Whether the server's process still runs; once it does not, waiting has no purpose. */
  stillAlive: () => boolean | Promise<boolean>;
  signal?: AbortSignal;
  /** @default 200 */
  pollMs?: number;
}

/** What of the server and its models is not ready. */
async function missing(client: TritonClient, models: readonly string[], signal?: AbortSignal): Promise<string[]> {
  if (!(await client.serverReady(signal))) return ['server'];
  const ready = await Promise.all(models.map((model) => client.modelReady(model, signal)));
  return models.filter((_, index) => !ready[index]);
}

/** What the server says about why its models did not load; nothing where it does not answer. */
async function reasons(client: TritonClient, signal?: AbortSignal): Promise<string> {
  const index = await client.repositoryIndex(signal).catch(() => []);
  return index
    .filter(({ reason }) => reason !== '')
    .map(({ name, state, reason }) => ` ${name} is ${state}: ${reason.slice(0, 500)}.`)
    .join('');
}

/**
 * Waits until the server and every model answer ready.
 *
 * @returns how long that took
 * @throws TritonUnavailable when the process ends or the deadline passes; an aborted signal throws its reason
 */
export async function waitUntilReady(
  client: TritonClient,
  options: WaitUntilReadyOptions,
): Promise<{ readyMs: number }> {
  const { models, deadlineMs, stillAlive, signal, pollMs = 200 } = options;
  const startedAt = performance.now();
  for (;;) {
    const notReady = await missing(client, models, signal);
    const readyMs = performance.now() - startedAt;
    if (notReady.length === 0) return { readyMs };

    const context = { url: client.url, notReady: notReady.join(', ') };
    if (!(await stillAlive())) {
      throw new EnginesmithFailure(
        'TritonUnavailable',
        `Triton at ${client.url} ended before it was ready (${context.notReady} missing). Its log says why.`,
        { context },
      );
    }
    if (readyMs + pollMs > deadlineMs) {
      throw new EnginesmithFailure(
        'TritonUnavailable',
        `Triton at ${client.url} was not ready within ${deadlineMs} ms: ${context.notReady} missing.` +
          `${await reasons(client, signal)} Its log says more; a large engine may need a longer deadline.`,
        { context },
      );
    }
    await delay(pollMs, undefined, { ...(signal && { signal }) }).catch((error: unknown) => {
      throw signal?.aborted ? signal.reason : error;
    });
  }
}
