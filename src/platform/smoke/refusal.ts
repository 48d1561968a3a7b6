import { EnginesmithFailure } from '../../contracts/failures.js';
import type { InferenceRequest } from '../triton/tensors.js';
import { ClauseBroken, type ClauseContext } from './clause.js';

/**
 * Sends a request that should be refused, and gives it up at its first response.
 * @param what it is, as in "a request without max_tokens"
 * @returns the server's words, or undefined where the server began to answer
 * @throws ClauseBroken where neither came in time, or the server went away
 */
export async function refusalOf(
  { client, smoke, signal }: ClauseContext,
  request: InferenceRequest,
  what: string,
): Promise<string | undefined> {
  const deadlineMs = smoke.firstTokenWithinSeconds * 1000;
  try {
    for await (const _ of client.streamInfer(request, { deadlineMs, signal })) return undefined;
    return undefined;
  } catch (cause) {
    signal.throwIfAborted();
    const refusal = cause instanceof EnginesmithFailure ? cause.context.refusal : undefined;
    if (typeof refusal === 'string' && refusal !== '') return refusal;
    throw new ClauseBroken({
      model: request.model,
      seen: `gave no clean error to ${what}: ${cause instanceof Error ? cause.message : cause}`,
      advice: 'A request that cannot be served gets an error that says so, and harms nobody else.',
      cause,
    });
  }
}
