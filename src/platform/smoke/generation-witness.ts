import { EnginesmithFailure } from '../../contracts/failures.js';
import { type MetricSample, readMetrics } from '../triton/metrics.js';
import { servedModels } from '../triton/tensors.js';
import type { ClauseContext } from './clause.js';

/** Sees in the server whether `tensorrt_llm` works on a request: a client that left cannot. */
export interface GenerationWitness {
  /** Where it looks, for the report. */
  source: string;
  /** Whether it also sees that nothing at all is generated; else it sees only that its request ended. */
  seesIdle: boolean;
  /** @param since how often a stop was sent for the request, and how long the model takes for a token */
  generates(since?: { stops?: number; tokenMs?: number }): Promise<boolean>;
}

/** The gauges that TensorRT-LLM's C++ backend publishes for its model, v0.9 to v0.20. */
const ACTIVE = { family: 'nv_trt_llm_request_metrics', label: 'request_type', value: 'active' };
const STEPS = { family: 'nv_trt_llm_general_metrics', label: 'general_type', value: 'iteration_counter' };

/** Gauges are published every 100 ms, unless the template says otherwise. */
export const STANDSTILL_MS = 500;

function gauge(samples: readonly MetricSample[], { family, label, value }: typeof ACTIVE): number | undefined {
  const model = servedModels.generation;
  return samples.find(
    (sample) => sample.family === family && sample.labels.model === model && sample.labels[label] === value,
  )?.value;
}

/**
 * A witness for one request, made before it is sent; undefined where the server shows nothing that one could see.
 * Where the gauges of active requests are missing, it counts the requests that the model has ended.
 */
export async function createGenerationWitness({
  client,
  metricsUrl,
  signal,
}: Pick<ClauseContext, 'client' | 'metricsUrl' | 'signal'>): Promise<GenerationWitness | undefined> {
  const samples = await unlessUnavailable(readMetrics(metricsUrl, signal));
  if (samples && gauge(samples, ACTIVE) !== undefined) return gaugeWitness(metricsUrl, signal);

  const model = servedModels.generation;
  const before = await unlessUnavailable(client.endedRequests(model, signal));
  if (before === undefined) return undefined;
  return {
    source: 'the statistics of ended requests',
    seesIdle: false,
    // a stop is a request, too
    generates: async ({ stops = 0 } = {}) => (await client.endedRequests(model, signal)) <= before + stops,
  };
}

/** A backend that has nothing to do publishes nothing: its last gauge may stay up, but then its steps stand still. */
function gaugeWitness(metricsUrl: string, signal: AbortSignal): GenerationWitness {
  let steps: number | undefined;
  let steppedAt = performance.now();
  return {
    source: `${ACTIVE.family} on the metrics port`,
    seesIdle: true,
    generates: async ({ tokenMs = 0 } = {}) => {
      const samples = await readMetrics(metricsUrl, signal);
      const now = gauge(samples, STEPS);
      if (now !== steps) steppedAt = performance.now();
      steps = now;
      if (gauge(samples, ACTIVE) === 0) return false;
      return steps === undefined || performance.now() - steppedAt < Math.max(STANDSTILL_MS, 4 * tokenMs);
    },
  };
}

async function unlessUnavailable<Value>(answer: Promise<Value>): Promise<Value | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof EnginesmithFailure) return undefined;
    throw error;
  }
}
