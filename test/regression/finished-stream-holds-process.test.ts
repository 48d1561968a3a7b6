import { expect, test } from 'vitest';
import { createTritonClient } from '../../src/platform/triton/client.js';
import { finalAnswer, startTestPeer, textAnswer } from '../platform/triton/test-peer.js';

/** Triton keeps a stream open after the final response: a program that had asked it ended only at the request's deadline. */
test('a stream that had its final response is given up at once', async () => {
  const peer = await startTestPeer((_, send) => [textAnswer('Paris'), finalAnswer].forEach(send));
  const client = createTritonClient({ url: peer.url });
  try {
    const request = { model: 'ensemble', text: 'The capital is', maxTokens: 4, stream: true, requestId: 'one' };
    const texts: (string | undefined)[] = [];
    for await (const { text } of client.streamGenerate(request, { deadlineMs: 50_000 })) texts.push(text);
    expect(texts).toEqual(['Paris', undefined]);
    await peer.cancelled;
  } finally {
    client.close();
    peer.stop();
  }
}, 10_000);
