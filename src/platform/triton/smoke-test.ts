import { EnginesmithFailure } from '../../contracts/failures.js';
import type { SmokeReport } from '../../contracts/smoke.js';
import type { GeneratedChunk, TritonClient } from './client.js';
import { waitUntilReady } from './wait-until-ready.js';

export interface SmokeTestOptions {
  client: TritonClient;
  /** Every model that must be ready. */
  models: readonly string[];
  /** The model that is asked. @default 'ensemble' */
  model?: string;
  prompt: string;
  maxTokens: number;
  deadlines: {
    readyMs: number;
    /** From the request to the first text. */
    firstTokenMs: number;
    /** From the request to the final flag. */
    finishMs: number;
  };
  stillAlive: () => boolean | Promise<boolean>;
  requestId: string;
  signal?: AbortSignal;
}

/** Of the answer, in the report: it stands in the history of every revision. */
const KEPT_CHARACTERS = 1_000;

type TextChunk = GeneratedChunk & { text: string };
const hasText = (chunk: GeneratedChunk): chunk is TextChunk => chunk.text !== undefined;

function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  return ((sorted[Math.floor((sorted.length - 1) / 2)] ?? 0) + (sorted[Math.ceil((sorted.length - 1) / 2)] ?? 0)) / 2;
}

/** Collects what the stream says into `seen`, which the caller can report when this throws. */
async function generate(options: SmokeTestOptions & { model: string }, seen: GeneratedChunk[]): Promise<void> {
  const { client, model, prompt, maxTokens, requestId, deadlines, signal } = options;
  const late = new AbortController();
  const timer = setTimeout(
    () => late.abort(new Error(`no text came within ${deadlines.firstTokenMs} ms`)),
    deadlines.firstTokenMs,
  );
  try {
    const request = { model, text: prompt, maxTokens, stream: true, requestId };
    const bounds = {
      deadlineMs: deadlines.finishMs,
      signal: AbortSignal.any(signal ? [signal, late.signal] : [late.signal]),
    };
    for await (const chunk of client.streamGenerate(request, bounds)) {
      seen.push(chunk);
      if (chunk.text) clearTimeout(timer);
    }
  } finally {
    clearTimeout(timer);
  }
}

/** What the stream lacks, or undefined where it is as it must be. */
function fault(seen: readonly GeneratedChunk[]): string | undefined {
  const chunks = seen.filter(hasText);
  if (chunks.every(({ text }) => text === ''))
    return 'no text was generated: a prompt that the model takes for finished needs another wording (smoke.prompt)';
  if (chunks.length < 2)
    return 'the text came in one chunk, so it is not streamed: is the model filled with decoupled_mode True?';
  return undefined;
}

/**
 * Asks a revision as a client would: the server and every model ready, and a text that really streams, token by token, to
 * its final flag, each in time. Readiness alone proves little: a rank may answer ready without the ensemble.
 *
 * @throws TritonUnavailable when it does not become ready
 * @throws SmokeTestFailed with what was seen, when the answer is not as it must be
 */
export async function smokeTest(options: SmokeTestOptions): Promise<SmokeReport> {
  const { client, models, model = 'ensemble', prompt, deadlines, stillAlive, signal } = options;
  const bounds = { models, deadlineMs: deadlines.readyMs, stillAlive, ...(signal && { signal }) };
  const { readyMs } = await waitUntilReady(client, bounds);

  const seen: GeneratedChunk[] = [];
  const reject = (reason: string, cause?: unknown): never => {
    const text = seen.map((chunk) => chunk.text ?? '').join('');
    throw new EnginesmithFailure(
      'SmokeTestFailed',
      `${model} at ${client.url} answered the smoke test, but ${reason}. Seen: ${seen.length} responses, text ` +
        `${JSON.stringify(text.slice(0, 200))}. The name stays with its old revision; see the candidate’s Triton log.`,
      { context: { model, url: client.url, responses: seen.length, reason }, cause },
    );
  };
  await generate({ ...options, model }, seen).catch((error: unknown) => {
    signal?.throwIfAborted();
    reject(error instanceof Error ? error.message : String(error), error);
  });
  const found = fault(seen);
  if (found !== undefined) reject(found);

  const chunks = seen.filter(hasText);
  const gaps = chunks.slice(1).map((chunk, index) => chunk.elapsedMs - (chunks[index]?.elapsedMs ?? 0));
  return {
    schema: 'enginesmith/smoke-report/v1',
    models: [...models],
    model,
    prompt,
    text: chunks
      .map(({ text }) => text)
      .join('')
      .slice(0, KEPT_CHARACTERS),
    chunks: chunks.length,
    readyMs,
    timeToFirstTokenMs: chunks.find(({ text }) => text !== '')?.elapsedMs ?? 0,
    betweenTokensMs: { p50: median(gaps), max: Math.max(...gaps) },
    totalMs: seen.at(-1)?.elapsedMs ?? 0,
  };
}
