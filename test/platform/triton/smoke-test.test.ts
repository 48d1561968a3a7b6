import { afterEach, expect, test } from 'vitest';
import { smokeReport } from '../../../src/contracts/smoke.js';
import { createTritonClient, type TritonClient } from '../../../src/platform/triton/client.js';
import { smokeTest } from '../../../src/platform/triton/smoke-test.js';
import { waitUntilReady } from '../../../src/platform/triton/wait-until-ready.js';
import { type Behaviour, finalAnswer, startTestPeer, type TestPeer, textAnswer } from './test-peer.js';

const models = ['preprocessing', 'tensorrt_llm', 'postprocessing', 'tensorrt_llm_bls', 'ensemble'];
const good: Behaviour = (_, send) =>
  [textAnswer('The '), textAnswer('cheetah'), textAnswer('.'), finalAnswer].forEach(send);

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

const options = {
  models,
  prompt: 'Fastest animal?',
  maxTokens: 8,
  requestId: 'smoke-1',
  deadlines: { readyMs: 300, firstTokenMs: 300, finishMs: 600 },
  stillAlive: () => true,
};

test('reports a server that streams to its final flag', async () => {
  const { peer, client } = await connect(good);
  const report = smokeReport.parse(await smokeTest({ ...options, client }));
  expect(report).toMatchObject({ model: 'ensemble', text: 'The cheetah.', chunks: 3, models });
  expect(report.totalMs).toBeGreaterThanOrEqual(report.timeToFirstTokenMs);
  expect(report.betweenTokensMs.max).toBeGreaterThanOrEqual(report.betweenTokensMs.p50);
  expect(peer.requests.map(({ model_name, id }) => [model_name, id])).toEqual([['ensemble', 'smoke-1']]);
});

test('reports the beginning of an answer that is long', async () => {
  const long = textAnswer('word '.repeat(400));
  const { client } = await connect((_, send) => [long, long, finalAnswer].forEach(send));
  expect((await smokeTest({ ...options, client })).text).toHaveLength(1_000);
});

test.each<[string, Behaviour, RegExp]>([
  [
    'ends without the final flag',
    (_, send, end) => {
      [textAnswer('a'), textAnswer('b')].forEach(send);
      end();
    },
    /without the final flag/,
  ],
  [
    'never sends the final flag',
    (_, send) => [textAnswer('a'), textAnswer('b')].forEach(send),
    /DEADLINE_EXCEEDED.*Seen: 2 .*"ab"/s,
  ],
  ['sends the text in one chunk', (_, send) => [textAnswer('whole'), finalAnswer].forEach(send), /one chunk.*"whole"/],
  ['generates nothing', (_, send) => send(finalAnswer), /no text was generated/],
  [
    'generates empty texts',
    (_, send) => [textAnswer(''), textAnswer(''), finalAnswer].forEach(send),
    /no text was generated/,
  ],
  [
    'answers an error',
    (_, send) => send({ error_message: 'unexpected shape for max_tokens' }),
    /unexpected shape for max_tokens/,
  ],
  ['stays silent', () => {}, /no text came within 300 ms/],
])('fails a server that %s', async (_, behaviour, message) => {
  const { client } = await connect(behaviour);
  await expect(smokeTest({ ...options, client })).rejects.toThrow(
    expect.objectContaining({ type: 'SmokeTestFailed', message: expect.stringMatching(message) }),
  );
});

test('names the model that is not ready, with the server’s reason', async () => {
  const { peer, client } = await connect(good);
  peer.notReady.add('ensemble');
  await expect(smokeTest({ ...options, client })).rejects.toThrow(
    expect.objectContaining({
      type: 'TritonUnavailable',
      message: expect.stringMatching(/ensemble missing\. ensemble is UNAVAILABLE: no engine at \/engine/),
    }),
  );
  expect(peer.requests).toEqual([]);
});

test('waits for a server that comes up late', async () => {
  const { peer, client } = await connect(good);
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
  const request = { model: 'ensemble', text: 'x', maxTokens: 2, stream: true, requestId: 'r' };
  const read = async () => {
    for await (const _ of client.streamGenerate(request, { deadlineMs: 60_000, signal: streaming.signal }))
      streaming.abort(reason);
  };
  await expect(read()).rejects.toBe(reason);
  await peer.cancelled;
});

test('cancels the request at the server when its reader leaves early', async () => {
  const { peer, client } = await connect((_, send) => send(textAnswer('a')));
  const request = { model: 'ensemble', text: 'x', maxTokens: 2, stream: true, requestId: 'r' };
  for await (const chunk of client.streamGenerate(request, { deadlineMs: 60_000 })) {
    expect(chunk).toMatchObject({ text: 'a', final: false });
    break;
  }
  await peer.cancelled;
});
