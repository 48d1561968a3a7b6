import { Client, credentials, type ServiceError, status } from '@grpc/grpc-js';
import { EnginesmithFailure } from '../../contracts/failures.js';
import { type ModelIndex, methods } from './protocol.js';
import { type GenerateRequest, inferRequest, isFinal, outputText } from './tensors.js';

interface StreamOptions {
  /** For the whole answer, from the request on. */
  deadlineMs: number;
  /** Cancels the request at the server; its reason is then thrown. */
  signal?: AbortSignal;
}

/** One response of a stream. */
export interface GeneratedChunk {
  /** Undefined where the response carries no text: the empty final one. */
  text: string | undefined;
  final: boolean;
  /** From the request to this response's arrival. */
  elapsedMs: number;
}

export interface TritonClient {
  readonly url: string;
  /** False also where nothing listens yet. */
  serverReady(signal?: AbortSignal): Promise<boolean>;
  /** False also where nothing listens yet or the model is unknown. */
  modelReady(name: string, signal?: AbortSignal): Promise<boolean>;
  /** Every model of the repository, with the reason why one did not load. */
  repositoryIndex(signal?: AbortSignal): Promise<ModelIndex[]>;
  /** Generates; the last chunk is final. Leaving the loop early cancels the request. */
  streamGenerate(request: GenerateRequest, options: StreamOptions): AsyncGenerator<GeneratedChunk>;
  close(): void;
}

interface Unary<Request, Response> {
  path: string;
  request: { encode(value: Request): Buffer };
  response: { decode(bytes: Uint8Array): Response };
}

/** A server that answers at all answers a question of readiness at once. */
const questionDeadlineMs = 5_000;

const isServiceError = (error: unknown): error is ServiceError => error instanceof Error && 'code' in error;

function failure(url: string, what: string, error: unknown): EnginesmithFailure {
  const grpcStatus = isServiceError(error) ? (status[error.code] ?? `${error.code}`) : 'OK';
  const said = isServiceError(error)
    ? `${grpcStatus} ${error.details}`
    : error instanceof Error
      ? error.message
      : error;
  return new EnginesmithFailure('TritonUnavailable', `Triton at ${url} did not serve ${what}: ${said}. See its log.`, {
    context: { url, grpcStatus },
    cause: error,
  });
}

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
 * A client of Triton's gRPC endpoint. Every failure is a `TritonUnavailable`, with the gRPC status in its context; an
 * aborted signal throws its reason.
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
        else if (error !== null || value === undefined) reject(failure(url, path, error));
        else resolve(value);
      });
      const cancel = () => call.cancel();
      signal?.addEventListener('abort', cancel, { once: true });
    });
  }

  async function* streamGenerate(
    request: GenerateRequest,
    { deadlineMs, signal }: StreamOptions,
  ): AsyncGenerator<GeneratedChunk> {
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
        if (error !== '' || response == null) throw new Error(error || 'a response without content');
        const final = isFinal(response);
        yield { text: outputText(response), final, elapsedMs };
        if (final) return;
      }
      throw new Error('the stream ended without the final flag');
    } catch (error) {
      signal?.throwIfAborted();
      throw failure(url, `request ${request.requestId} to ${request.model}`, error);
    } finally {
      signal?.removeEventListener('abort', cancel);
      // Also after the final response: Triton keeps the stream open, and it would hold this process until its deadline.
      call.cancel();
    }
  }

  return {
    url,
    serverReady: (signal) => readiness(ask(methods.serverReady, {}, signal)),
    modelReady: (name, signal) => readiness(ask(methods.modelReady, { name }, signal)),
    repositoryIndex: async (signal) => (await ask(methods.repositoryIndex, {}, signal)).models,
    streamGenerate,
    close: () => client.close(),
  };
}
