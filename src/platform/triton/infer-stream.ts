import type { Client } from '@grpc/grpc-js';
import { callFailure, RequestRefused } from './call-failure.js';
import { methods } from './protocol.js';
import { type InferenceRequest, inferRequest, isFinal, outputText, tokenCount } from './tensors.js';

export interface StreamOptions {
  /** For the whole answer, from the request on. */
  deadlineMs: number;
  /** Cancels the request at the server; its reason is then thrown. */
  signal?: AbortSignal;
}

/** One response of a stream. */
export interface GeneratedChunk {
  /** Undefined where the response carries no text: the empty final one. */
  text: string | undefined;
  /** Token ids that it carries: only `tensorrt_llm` itself sends any. */
  tokens: number;
  final: boolean;
  /** From the request to this response's arrival. */
  elapsedMs: number;
}

/** Sends one request over a stream of its own; the last response is final. Leaving the loop early cancels the request. */
export async function* inferStream(
  { client, url }: { client: Client; url: string },
  request: InferenceRequest,
  { deadlineMs, signal: shared }: StreamOptions,
): AsyncGenerator<GeneratedChunk> {
  // its own, because Node warns of many listeners on one signal, and many streams at once are wanted
  const signal = shared && AbortSignal.any([shared]);
  signal?.throwIfAborted();
  const { path, request: question, response: answer } = methods.modelStreamInfer;
  const startedAt = performance.now();
  // the time is taken where the bytes arrive, so that a slow consumer does not look like a slow server
  const decode = (bytes: Buffer) => ({ elapsedMs: performance.now() - startedAt, ...answer.decode(bytes) });
  const call = client.makeBidiStreamRequest(path, question.encode, decode, { deadline: Date.now() + deadlineMs });
  // an error after the consumer has left would otherwise end the process
  call.on('error', () => {});
  const cancel = () => call.cancel();
  signal?.addEventListener('abort', cancel, { once: true });
  try {
    call.write(inferRequest(request));
    const answers: AsyncIterable<ReturnType<typeof decode>> = call;
    for await (const { elapsedMs, error_message: error, infer_response: response } of answers) {
      if (error !== '') throw new RequestRefused(error);
      if (response == null) throw new Error('a response without content');
      const final = isFinal(response);
      yield { text: outputText(response), tokens: tokenCount(response), final, elapsedMs };
      if (final) return;
    }
    throw new Error('the stream ended without the final flag');
  } catch (error) {
    signal?.throwIfAborted();
    throw callFailure(url, `request ${request.requestId} to ${request.model}`, error);
  } finally {
    signal?.removeEventListener('abort', cancel);
    // Also after the final response: Triton keeps the stream open, and it would hold this process until its deadline.
    call.cancel();
  }
}
