import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { methods } from '../../../src/platform/triton/protocol.js';
import { generateRequest, inferRequest, isFinal, outputText } from '../../../src/platform/triton/tensors.js';

/** Bytes that NVIDIA's own Python client made from the upstream grpc_service.proto. */
const golden = z
  .record(z.string(), z.string())
  .parse(JSON.parse(readFileSync(new URL('../../fixtures/triton/messages.json', import.meta.url), 'utf8')));
const bytes = (name: string) => Buffer.from(golden[name] ?? '', 'hex');

test('writes an inference request as the upstream client does', () => {
  const request = { model: 'ensemble', text: 'Héllo, 世界', maxTokens: 24, stream: true, requestId: 'request-1' };
  expect(methods.modelStreamInfer.request.encode(inferRequest(generateRequest(request))).toString('hex')).toBe(
    golden.request,
  );
  expect(methods.modelReady.request.encode({ name: 'ensemble' }).toString('hex')).toBe(golden.modelReadyRequest);
});

test('finds the text among other outputs', () => {
  const { infer_response: response } = methods.modelStreamInfer.response.decode(bytes('chunk'));
  if (response == null) throw new Error('the golden chunk has a response');
  expect([outputText(response), isFinal(response), response.id]).toEqual([' 世界', false, 'request-1']);
});

test('knows the empty final response', () => {
  const { infer_response: response } = methods.modelStreamInfer.response.decode(bytes('final'));
  if (response == null) throw new Error('the golden final message has a response');
  expect([outputText(response), isFinal(response)]).toEqual([undefined, true]);
});

test('reads errors, readiness and the repository index', () => {
  expect(methods.modelStreamInfer.response.decode(bytes('error')).error_message).toBe('unexpected shape');
  expect(methods.serverReady.response.decode(bytes('ready'))).toEqual({ ready: true });
  expect(methods.serverReady.response.decode(Buffer.alloc(0))).toEqual({ ready: false });
  expect(methods.repositoryIndex.response.decode(bytes('repositoryIndex'))).toEqual({
    models: [{ name: 'tensorrt_llm', version: '1', state: 'UNAVAILABLE', reason: 'no engine' }],
  });
});
