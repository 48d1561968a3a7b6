import type { TritonClient } from '../triton/client.js';
import type { GenerateRequest } from '../triton/tensors.js';
import { hasText, type TextChunk } from './answer.js';

/** A stream that is read in the background until it is cancelled. */
export interface RunningStream {
  /** What has come so far. */
  chunks: readonly TextChunk[];
  /** Whether it ended by itself, and the error with which it did, if it did with one. */
  ended(): { error: unknown } | undefined;
  /** Cancels it as a client that goes away does; returns when the client is done with it. */
  cancel(): Promise<void>;
}

/** Sends the request at once. */
export function runStream(
  client: TritonClient,
  request: GenerateRequest,
  { deadlineMs, signal }: { deadlineMs: number; signal: AbortSignal },
): RunningStream {
  const chunks: TextChunk[] = [];
  const leaving = new AbortController();
  let ended: { error: unknown } | undefined;
  const read = async () => {
    const bounds = { deadlineMs, signal: AbortSignal.any([signal, leaving.signal]) };
    for await (const chunk of client.streamGenerate(request, bounds)) if (hasText(chunk)) chunks.push(chunk);
  };
  const reading = read().then(
    () => {
      ended = { error: undefined };
    },
    (error: unknown) => {
      ended = { error };
    },
  );
  return {
    chunks,
    ended: () => ended,
    cancel: () => {
      leaving.abort(new Error('cancelled'));
      return reading;
    },
  };
}
