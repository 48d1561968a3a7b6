import { EnginesmithFailure } from '../../contracts/failures.js';

/** One line of Prometheus' text format. */
export interface MetricSample {
  family: string;
  labels: Record<string, string>;
  value: number;
}

const READ_DEADLINE_MS = 5_000;
const sampleLine = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)/;
const labelPair = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;

/** Reads Prometheus' text format; comments, and lines that it does not know, are left out. Escapes stay as they are. */
export function parseMetrics(text: string): MetricSample[] {
  return text.split('\n').flatMap((line) => {
    const [, family, labels = '', value] = sampleLine.exec(line) ?? [];
    if (family === undefined) return [];
    const pairs = [...labels.matchAll(labelPair)].map(([, name = '', text = '']) => [name, text]);
    return [{ family, labels: Object.fromEntries(pairs), value: Number(value) }];
  });
}

/**
 * What a server says on its metrics port now.
 * @param url as in `http://127.0.0.1:8002/metrics`
 * @throws TritonUnavailable where nothing answers, or no metrics do; an aborted signal throws its reason
 */
export async function readMetrics(url: string, signal?: AbortSignal): Promise<MetricSample[]> {
  const deadline = AbortSignal.timeout(READ_DEADLINE_MS);
  try {
    const response = await fetch(url, {
      // A connection that is kept open keeps a server that is told to end for seconds.
      headers: { connection: 'close' },
      signal: signal ? AbortSignal.any([signal, deadline]) : deadline,
    });
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    return parseMetrics(await response.text());
  } catch (error) {
    signal?.throwIfAborted();
    throw new EnginesmithFailure('TritonUnavailable', `Triton gave no metrics at ${url}: ${error}. See its log.`, {
      context: { url },
      cause: error,
    });
  }
}
