import { type handleBidiStreamingCall, Server, ServerCredentials, type UntypedHandleCall } from '@grpc/grpc-js';
import { type InferRequest, type InferResponse, methods } from '../../../src/platform/triton/protocol.js';
import { encodeBytesElement } from '../../../src/platform/triton/tensors.js';

export type Answer = { error_message: string; infer_response?: InferResponse };

/**
 * What a request gets: the peer calls `send` as often as it likes, and `end` if it ends the stream; `onCancelled` tells it
 * when the client gives the request up.
 */
export type Behaviour = (
  request: InferRequest,
  send: (answer: Answer) => void,
  end: () => void,
  onCancelled: (listener: () => void) => void,
) => void;

export function textAnswer(text: string): Answer {
  const outputs = [{ name: 'text_output', datatype: 'BYTES', shape: [1] }];
  const parameters = { triton_final_response: { bool_param: false } };
  return {
    error_message: '',
    infer_response: { id: '', parameters, outputs, raw_output_contents: [encodeBytesElement(text)] },
  };
}

/** Token ids, as `tensorrt_llm` sends them. */
export function tokensAnswer(count: number): Answer {
  const outputs = [{ name: 'output_ids', datatype: 'INT32', shape: [1, 1, count] }];
  return {
    error_message: '',
    infer_response: { id: '', parameters: {}, outputs, raw_output_contents: [Buffer.alloc(4 * count)] },
  };
}

export const finalAnswer: Answer = {
  error_message: '',
  infer_response: {
    id: '',
    parameters: { triton_final_response: { bool_param: true } },
    outputs: [],
    raw_output_contents: [],
  },
};

export interface TestPeer {
  url: string;
  requests: InferRequest[];
  /** Settles when a client cancels a stream. */
  cancelled: Promise<void>;
  notReady: Set<string>;
  /** Requests by model that got their final response or an error. */
  ended: Map<string, number>;
  stop(): void;
}

/** A real gRPC server on the loopback address that speaks Triton's protocol and misbehaves as told. */
export async function startTestPeer(behaviour: Behaviour): Promise<TestPeer> {
  const requests: InferRequest[] = [];
  const notReady = new Set<string>();
  const ended = new Map<string, number>();
  let noteCancelled = () => {};
  const cancelled = new Promise<void>((resolve) => {
    noteCancelled = resolve;
  });
  const stream: handleBidiStreamingCall<InferRequest, Answer> = (call) => {
    call.on('cancelled', noteCancelled);
    call.on('data', (request: InferRequest) => {
      requests.push(request);
      behaviour(
        request,
        (answer) => {
          if (
            answer.infer_response?.parameters.triton_final_response?.bool_param === true ||
            answer.error_message !== ''
          )
            ended.set(request.model_name, (ended.get(request.model_name) ?? 0) + 1);
          call.write(answer);
        },
        () => call.end(),
        (listener) => void call.on('cancelled', listener),
      );
    });
    call.on('end', () => call.end());
  };
  const server = new Server();
  const handle = (name: keyof typeof methods, streams: boolean, handler: UntypedHandleCall) => {
    const { path, request, response } = methods[name];
    const serialization = {
      requestSerialize: request.encode,
      requestDeserialize: request.decode,
      responseSerialize: response.encode,
      responseDeserialize: response.decode,
    };
    server.addService(
      { [name]: { path, requestStream: streams, responseStream: streams, ...serialization } },
      { [name]: handler },
    );
  };
  handle('serverReady', false, (_: unknown, reply: (error: null, value: unknown) => void) => {
    reply(null, { ready: !notReady.has('server') });
  });
  handle('modelReady', false, (call: { request: { name: string } }, reply: (error: null, value: unknown) => void) => {
    reply(null, { ready: !notReady.has(call.request.name) });
  });
  handle('repositoryIndex', false, (_: unknown, reply: (error: null, value: unknown) => void) => {
    const models = [...notReady].map((name) => ({
      name,
      version: '1',
      state: 'UNAVAILABLE',
      reason: 'no engine at /engine',
    }));
    reply(null, { models });
  });
  const statistics = (call: { request: { name: string } }, reply: (error: null, value: unknown) => void) => {
    const { name } = call.request;
    reply(null, { model_stats: [{ name, inference_stats: { success: { count: ended.get(name) ?? 0 }, fail: null } }] });
  };
  handle('modelStatistics', false, statistics);
  handle('modelStreamInfer', true, stream);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  return { url: `127.0.0.1:${port}`, requests, cancelled, notReady, ended, stop: () => server.forceShutdown() };
}
