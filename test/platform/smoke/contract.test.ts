import { afterEach, expect, test } from 'vitest';
import { type SmokeClause, type SmokeReport, smokeClauses, smokeReport } from '../../../src/contracts/smoke.js';
import { specSchema } from '../../../src/contracts/spec.js';
import { runSmokeContract } from '../../../src/platform/smoke/contract.js';
import { createTritonClient } from '../../../src/platform/triton/client.js';
import { type Faults, peerLimits, type SmokePeer, startSmokePeer } from './smoke-peer.js';

const models = ['preprocessing', 'tensorrt_llm', 'postprocessing', 'tensorrt_llm_bls', 'ensemble'];
const smoke = specSchema.shape.smoke.parse({
  prompt: 'Fastest animal?',
  unicodePrompt: '最快的动物是',
  maxTokens: 16,
  firstTokenWithinSeconds: 1,
  finishWithinSeconds: 6,
  cancelWithinSeconds: 0.5,
  concurrentStreams: 3,
});

let peer: SmokePeer | undefined;
afterEach(() => peer?.stop());

interface Change {
  notReady?: string[];
  smoke?: Partial<typeof smoke>;
  blsHeedsCancellation?: boolean;
}

async function contractWith(faults: Faults, change: Change = {}) {
  const started = await startSmokePeer(faults);
  peer = started;
  for (const model of change.notReady ?? []) started.notReady.add(model);
  const client = createTritonClient({ url: started.url });
  try {
    return await runSmokeContract({
      client,
      metricsUrl: started.metricsUrl,
      models,
      smoke: { ...smoke, ...change.smoke },
      limits: peerLimits,
      blsHeedsCancellation: change.blsHeedsCancellation ?? true,
      readyDeadlineMs: 300,
      stillAlive: () => true,
      requestId: 'smoke',
    });
  } finally {
    client.close();
  }
}

const clause = (report: SmokeReport, name: SmokeClause) => report.clauses?.find((kept) => kept.name === name);

test('a server that keeps the contract is reported, clause by clause, with what clients should know', async () => {
  const report = smokeReport.parse(await contractWith({}));
  expect(report.clauses?.map(({ name }) => name)).toEqual(smokeClauses);
  expect(report).toMatchObject({ schema: 'enginesmith/smoke-report/v2', model: 'ensemble', chunks: 16, models });
  expect(report.totalMs).toBeGreaterThanOrEqual(report.timeToFirstTokenMs);
  expect(clause(report, 'whole-characters')?.notice).toMatch(/ensemble’s stream splits characters/);
  expect(clause(report, 'cancelled-stream-stops')).toMatchObject({
    seen: expect.stringMatching(/tensorrt_llm_bls stopped \d+ ms.*ensemble stopped \d+ ms after a stop/),
    notice: expect.stringMatching(/goes on until tensorrt_llm gets a stop/),
  });
  const ids = peer?.requests.filter(({ inputs }) => !inputs.some(({ name }) => name === 'stop')).map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids?.length);
});

const split = '\uFFFD\uFFFD';

test.each<[what: string, SmokeClause, RegExp, Faults, Change?]>([
  ['is ready without the ensemble', 'models-ready', /ensemble missing/, {}, { notReady: ['ensemble'] }],
  ['stays silent', 'models-ready', /no text came within 1000 ms/, { places: 0 }],
  ['generates empty texts', 'streams', /no text was generated/, { streamed: () => '' }],
  [
    'keeps its text back to the end',
    'streams',
    /kept 60 chunks back/,
    { burst: 60, tokenMs: 20 },
    { smoke: { maxTokens: 60, firstTokenWithinSeconds: 3 } },
  ],
  [
    'splits characters though it accumulates',
    'whole-characters',
    /streamed a split character/,
    { streamed: (text, { model }) => (model === 'ensemble' ? text : text.replaceAll('猎', split)) },
  ],
  [
    'splits characters of a whole answer',
    'whole-characters',
    /even with stream=false/,
    { whole: (text) => `${split}${text}` },
  ],
  ['loses the text of a whole answer', 'whole-characters', /with no text/, { whole: () => '' }],
  [
    'swallows a token of a stream',
    'same-text-unstreamed',
    /ensemble .* streams .* but answers/,
    { streamed: (text, { model }) => (model === 'ensemble' ? text.replace('c', '') : text) },
  ],
  [
    'answers something else when it does not stream',
    'same-text-unstreamed',
    /tensorrt_llm_bls .* but answers/,
    { whole: (text, model) => (model === 'tensorrt_llm_bls' ? text.slice(1) : text) },
  ],
  ['generates more than was asked for', 'length-limits', /max_tokens 4 with 5 responses/, { surplusTokens: 1 }],
  [
    'takes a prompt that is too long',
    'length-limits',
    /longer than the 64 tokens that the engine takes/,
    { accepts: /prompt/ },
  ],
  [
    'gives no answer to a length that is too great',
    'length-limits',
    /no clean error to max_tokens/,
    { ignores: /large/ },
  ],
  ['answers a request without max_tokens', 'refuses-bad-request', /answered a request without/, { accepts: /missing/ }],
  ['answers max_tokens 0', 'refuses-bad-request', /answered max_tokens 0/, { accepts: /too small/ }],
  [
    'gives no answer to a wrong datatype',
    'refuses-bad-request',
    /no clean error to max_tokens as FP32/,
    { ignores: /datatype/ },
  ],
  ['lets a bad request end other streams', 'refuses-bad-request', /lost a stream/, { fragile: true }],
  ['mixes streams up', 'concurrent-streams', /among 3 streams/, { mixesUp: true }],
  ['starves a stream', 'concurrent-streams', /no text came within 1000 ms/, { places: 2 }],
  [
    'goes on for a client that went away',
    'cancelled-stream-stops',
    /tensorrt_llm_bls .* still generates 500 ms/,
    { goesOn: 'cancelled' },
  ],
  ['stops nothing', 'cancelled-stream-stops', /still generates 500 ms/, { goesOn: 'stopped' }],
  [
    'does not stop an ensemble’s request',
    'cancelled-stream-stops',
    /ensemble .* was sent a stop/,
    { goesOn: 'ensemble' },
  ],
  [
    'goes on, as its statistics show',
    'cancelled-stream-stops',
    /generates 500 ms/,
    { goesOn: 'cancelled', shows: 'statistics' },
  ],
])('a server that %s breaks %s', async (_, name, message, faults, change) => {
  await expect(contractWith(faults, change)).rejects.toThrow(
    expect.objectContaining({
      type: 'SmokeTestFailed',
      message: expect.stringMatching(message),
      context: expect.objectContaining({ clause: name }),
    }),
  );
});

test('a stream that is over at once proves nothing about buffers, and is no failure', async () => {
  const report = await contractWith({ burst: 4 }, { smoke: { maxTokens: 4 } });
  expect(clause(report, 'streams')?.notice).toMatch(/whole within 50 ms: too soon to tell/);
  expect(clause(await contractWith({}), 'streams')?.notice).toBeUndefined();
});

test('a BLS that does not accumulate is held to its unstreamed text only, and says so', async () => {
  const report = await contractWith({ notAccumulating: true });
  expect(clause(report, 'whole-characters')?.notice).toMatch(/does not accumulate tokens/);
});

test('a length that is cut instead of refused is reported, as upstream’s C++ backend does it', async () => {
  const report = await contractWith({ accepts: /too large/ });
  expect(clause(report, 'length-limits')?.notice).toMatch(/max_tokens 1065 was not refused/);
});

test.each<[string, Faults, Partial<typeof smoke>, RegExp]>([
  [
    'gauges that stay up',
    { shows: 'gauges that stay up' },
    { cancelWithinSeconds: 1 },
    /stopped \d+ ms .* metrics port/,
  ],
  ['statistics alone', { shows: 'statistics' }, {}, /bls stopped \d+ ms .* statistics of ended.*after a stop/],
])('a cancelled stream is also seen to stop by %s', async (_, faults, change, seen) => {
  expect(clause(await contractWith(faults, { smoke: change }), 'cancelled-stream-stops')?.seen).toMatch(seen);
});

test('an answer that ends too soon to tell is said to prove nothing', async () => {
  const report = await contractWith({}, { smoke: { cancelWithinSeconds: 60 } });
  expect(clause(report, 'cancelled-stream-stops')?.notice).toMatch(/ends by itself too soon to tell/);
});

test('a stream of upstream’s BLS, which goes on for a client that went away, is told to clients and waited for', async () => {
  const change = { smoke: { finishWithinSeconds: 20 }, blsHeedsCancellation: false };
  const report = await contractWith({ goesOn: 'bls' }, change);
  expect(clause(report, 'cancelled-stream-stops')).toMatchObject({
    seen: expect.stringMatching(/tensorrt_llm_bls generated on for \d+ ms.*ensemble stopped \d+ ms after a stop/),
    notice: expect.stringMatching(/goes on to the end of its answer/),
  });
});
