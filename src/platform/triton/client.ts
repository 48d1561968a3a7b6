import { Client, credentials } from '@grpc/grpc-js';
import { EnginesmithFailure } from '../../contracts/failures.js';
import { callFailure } from './call-failure.js';
import { type GeneratedChunk, inferStream, type StreamOptions } from './infer-stream.js';
import { type ModelIndex, methods } from './protocol.js';
import { type GenerateRequest, generateRequest, type InferenceRequest, stopRequest } from './tensors.js';

export interface TritonClient {
  readonly url: string;
  /** False also where nothing listens yet. */
  serverReady(signal?: AbortSignal): Promise<boolean>;
  /** False also where nothing listens yet or the model is unknown. */
  modelReady(name: string, signal?: AbortSignal): Promise<boolean>;
  /** Every model of the repository, with the reason why one did not load. */
  repositoryIndex(signal?: AbortSignal): Promise<ModelIndex[]>;
  /** Requests that a model has ended since it was loaded, well or not. */
  endedRequests(model: string, signal?: AbortSignal): Promise<number>;
  /** Generates; the last chunk is final. Leaving the loop early cancels the request. */
  streamGenerate(request: GenerateRequest, options: StreamOptions): AsyncGenerator<GeneratedChunk>;
  /** As streamGenerate, with any tensors. */
  streamInfer(request: InferenceRequest, options: StreamOptions): AsyncGenerator<GeneratedChunk>;
  /** Ends what `tensorrt_llm` generates under a request id, ensembles' requests included; returns once that is taken up. */
  stop(requestId: string, options: StreamOptions): Promise<void>;
  close(): void;
}

interface Unary<Request, Response> {
  path: string;
  request: { encode(value: Request): Buffer };
  response: { decode(bytes: Uint8Array): Response };
}

/** A server that answers at all answers a question of readiness at once. */
const questionDeadlineMs = 5_000;

/** False for what a server says that is not there, or does not know the model. */
async function readiness(answer: Promise<{ ready: boolean }>): Promise<boolean> {
  try {
    return (await answer).ready;
  } catch (error) {
    const code = error instanceof EnginesmithFailure ? error.context.grpcStatus : undefined;
    if (code === 'UNAVAILABLE' || code === 'DEADLINE_EXCEEDED' || code === 'NOT_FOUND') return false;
    throw error;
  }
}

/**
 * A client of Triton's gRPC endpoint. Every failure is a `TritonUnavailable`, with the gRPC status in its context and, as
 * `refusal`, the server's words where it refused a request; an aborted signal throws its reason.
 *
 * @param url host and port, as in `127.0.0.1:8001`
 */
export function createTritonClient({ url }: { url: string }): TritonClient {
  const client = new Client(url, credentials.createInsecure(), {
    // a server is asked while it starts: the default back-off of up to two minutes would oversleep its start
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 1_000,
    // a proxy of the environment cannot know a private port
    'grpc.enable_http_proxy': 0,
  });

  function ask<Request, Response>(
    { path, request, response }: Unary<Request, Response>,
    argument: Request,
    signal: AbortSignal | undefined,
  ): Promise<Response> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const options = { deadline: Date.now() + questionDeadlineMs };
      const call = client.makeUnaryRequest(path, request.encode, response.decode, argument, options, (error, value) => {
        signal?.removeEventListener('abort', cancel);
        if (signal?.aborted) reject(signal.reason);
        else if (error !== null || value === undefined) reject(callFailure(url, path, error));
        else resolve(value);
      });
      const cancel = () => call.cancel();
      signal?.addEventListener('abort', cancel, { once: true });
    });
  }

  const streamInfer: TritonClient['streamInfer'] = (request, options) => inferStream({ client, url }, request, options);

  return {
    url,
    serverReady: (signal) => readiness(ask(methods.serverReady, {}, signal)),
    modelReady: (name, signal) => readiness(ask(methods.modelReady, { name }, signal)),
    repositoryIndex: async (signal) => (await ask(methods.repositoryIndex, {}, signal)).models,
    endedRequests: async (name, signal) => {
      const { model_stats: models } = await ask(methods.modelStatistics, { name }, signal);
      return models
        .flatMap(({ inference_stats: ended }) => [ended?.success?.count ?? 0, ended?.fail?.count ?? 0])
        .reduce((sum, count) => sum + count, 0);
    },
    streamInfer,
    streamGenerate: (request, options) => streamInfer(generateRequest(request), options),
    stop: async (requestId, options) => {
      for await (const { final } of streamInfer(stopRequest(requestId), options)) if (final) return;
    },
    close: () => client.close(),
  };
}
