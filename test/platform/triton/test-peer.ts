import { type handleBidiStreamingCall, Server, ServerCredentials, type UntypedHandleCall } from '@grpc/grpc-js';
import { type InferRequest, type InferResponse, methods } from '../../../src/platform/triton/protocol.js';
import { encodeBytesElement } from '../../../src/platform/triton/tensors.js';

type Answer = { error_message: string; infer_response?: InferResponse };

/** What a request gets: the peer calls `send` as often as it likes, and `end` if it ends the stream. */
export type Behaviour = (request: InferRequest, send: (answer: Answer) => void, end: () => void) => void;

export function textAnswer(text: string): Answer {
  const outputs = [{ name: 'text_output', datatype: 'BYTES', shape: [1] }];
  const parameters = { triton_final_response: { bool_param: false } };
  return {
    error_message: '',
    infer_response: { id: '', parameters, outputs, raw_output_contents: [encodeBytesElement(text)] },
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
  stop(): void;
}

/** A real gRPC server on the loopback address that speaks Triton's protocol and misbehaves as told. */
export async function startTestPeer(behaviour: Behaviour): Promise<TestPeer> {
  const requests: InferRequest[] = [];
  const notReady = new Set<string>();
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
        (answer) => call.write(answer),
        () => call.end(),
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
  handle('modelStreamInfer', true, stream);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  return { url: `127.0.0.1:${port}`, requests, cancelled, notReady, stop: () => server.forceShutdown() };
}
