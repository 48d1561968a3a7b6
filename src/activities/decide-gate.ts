import { Piscina } from 'piscina';
import { EnginesmithFailure } from '../contracts/failures.js';
import type { EvaluateGateInput } from '../gate/evaluate.js';
import { entryPoint } from '../platform/entry-point.js';
import type { DecidedGate, GateTaskResult } from './decide-gate.worker.js';

/**
 * Scores, decides and renders in a thread of its own: some milliseconds a text would hold up every other activity of the
 * worker, their heartbeats included.
 * @throws EnginesmithFailure `EvaluationInvalid`
 */
export async function decideGate(input: EvaluateGateInput, signal: AbortSignal): Promise<DecidedGate> {
  const pool = new Piscina<EvaluateGateInput, GateTaskResult>({
    ...entryPoint('activities/decide-gate.worker'),
    minThreads: 1,
    maxThreads: 1,
  });
  try {
    const result = await pool.run(input, { signal });
    if ('decided' in result) return result.decided;
    const { type, message, context } = result.failure;
    throw new EnginesmithFailure(type, message, { context });
  } finally {
    await pool.destroy();
  }
}
