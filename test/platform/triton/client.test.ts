import { afterEach, expect, test } from 'vitest';
import { createTritonClient, type TritonClient } from '../../../src/platform/triton/client.js';
import { waitUntilReady } from '../../../src/platform/triton/wait-until-ready.js';
import { type Behaviour, finalAnswer, startTestPeer, type TestPeer, textAnswer } from './test-peer.js';

const models = ['preprocessing', 'tensorrt_llm', 'postprocessing', 'tensorrt_llm_bls', 'ensemble'];
const request = { model: 'ensemble', text: 'x', maxTokens: 2, stream: true, requestId: 'r' };

const opened: { peer?: TestPeer; client?: TritonClient } = {};
afterEach(() => {
  opened.client?.close();
  opened.peer?.stop();
});

async function connect(behaviour: Behaviour): Promise<{ peer: TestPeer; client: TritonClient }> {
  const peer = await startTestPeer(behaviour);
  const client = createTritonClient({ url: peer.url });
  Object.assign(opened, { peer, client });
  return { peer, client };
}

test('names the model that is not ready, with the server’s reason', async () => {
  const { peer, client } = await connect(() => {});
  peer.notReady.add('ensemble');
  await expect(waitUntilReady(client, { models, deadlineMs: 300, stillAlive: () => true })).rejects.toThrow(
    expect.objectContaining({
      type: 'TritonUnavailable',
      message: expect.stringMatching(/ensemble missing\. ensemble is UNAVAILABLE: no engine at \/engine/),
    }),
  );
});

test('waits for a server that comes up late', async () => {
  const { peer, client } = await connect(() => {});
  models.forEach((model) => void peer.notReady.add(model));
  let questions = 0;
  const stillAlive = () => {
    questions += 1;
    if (questions === 3) peer.notReady.clear();
    return true;
  };
  await waitUntilReady(client, { models, deadlineMs: 10_000, stillAlive, pollMs: 5 });
  expect(questions).toBe(3);
});

test('stops waiting as soon as the process has ended', async () => {
  const client = createTritonClient({ url: '127.0.0.1:1' });
  opened.client = client;
  const wait = waitUntilReady(client, { models, deadlineMs: 60_000, stillAlive: () => false });
  await expect(wait).rejects.toThrow(
    expect.objectContaining({ type: 'TritonUnavailable', message: expect.stringContaining('ended') }),
  );
});

test('throws the reason of an aborted signal, while it waits and while it streams', async () => {
  const reason = new Error('worker shuts down');
  const { peer, client } = await connect((_, send) => send(textAnswer('a')));
  const waiting = new AbortController();
  peer.notReady.add('server');
  const wait = waitUntilReady(client, {
    models,
    deadlineMs: 60_000,
    stillAlive: () => {
      waiting.abort(reason);
      return true;
    },
    signal: waiting.signal,
  });
  await expect(wait).rejects.toBe(reason);

  const streaming = new AbortController();
  const read = async () => {
    for await (const _ of client.streamGenerate(request, { deadlineMs: 60_000, signal: streaming.signal }))
      streaming.abort(reason);
  };
  await expect(read()).rejects.toBe(reason);
  await peer.cancelled;
});

test('cancels the request at the server when its reader leaves early', async () => {
  const { peer, client } = await connect((_, send) => send(textAnswer('a')));
  for await (const chunk of client.streamGenerate(request, { deadlineMs: 60_000 })) {
    expect(chunk).toMatchObject({ text: 'a', final: false });
    break;
  }
  await peer.cancelled;
});

test('tells a refusal from an answer that never comes', async () => {
  const { client } = await connect(({ id }, send) => {
    if (id === 'bad') send({ error_message: 'unexpected shape for max_tokens' });
  });
  const contextOf = async (requestId: string, deadlineMs: number) => {
    try {
      for await (const _ of client.streamGenerate({ ...request, requestId }, { deadlineMs }));
    } catch (error) {
      return error;
    }
    throw new Error('it was answered');
  };
  expect(await contextOf('bad', 10_000)).toMatchObject({ context: { refusal: 'unexpected shape for max_tokens' } });
  expect(await contextOf('silent', 200)).toMatchObject({ context: { refusal: null, grpcStatus: 'DEADLINE_EXCEEDED' } });
});

test('stops a request by its id, and counts those that ended', async () => {
  const { peer, client } = await connect((_, send) => send(finalAnswer));
  await client.stop('request-7', { deadlineMs: 5_000 });
  expect(peer.requests).toMatchObject([{ model_name: 'tensorrt_llm', id: 'request-7' }]);
  expect(peer.requests[0]?.inputs.map(({ name }) => name)).toContain('stop');
  expect(await client.endedRequests('tensorrt_llm')).toBe(1);
});
