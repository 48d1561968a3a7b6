import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Agreement, Evaluation } from '../../src/contracts/evaluation.js';
import { type GatePolicy, gateEvidence, type RougeScores } from '../../src/contracts/gate.js';
import { type EvaluateGateInput, evaluateGate } from '../../src/gate/evaluate.js';
import { meanScores } from '../../src/gate/mean-scores.js';
import { scoreRouge } from '../../src/gate/rouge.js';

const sentences = readFileSync(new URL('../fixtures/gate/sentences.txt', import.meta.url), 'utf8')
  .trim()
  .split('\n');

const policy: GatePolicy = {
  metric: 'rougeLsum',
  margin: { kind: 'share', value: 0.1 },
  limits: { perplexityIncrease: null, klDivergence: null, top1Agreement: null },
  alpha: 0.05,
  looks: [8, 16],
};

const rows = sentences.slice(0, 16).map((reference, row) => ({ row, question: reference, reference }));
const copies = sentences.slice(0, 16).map((reference) => `${reference} It said more displayed things.`);
const inflected = sentences.slice(0, 16).map((reference) => reference.replace(/([a-z]{5})\b/g, '$1s'));
const ruined = copies.map((_, row) => `@ the the ${row} %%`);

const evaluation = (texts: string[], from: number, change: Partial<Evaluation> = {}): Evaluation => ({
  schema: 'enginesmith/evaluation/v2',
  shard: { from, count: texts.length },
  questions: 'a',
  printedScores: null,
  perplexity: null,
  texts: texts.map((text, index) => ({ row: from + index, text })),
  ...change,
});

const agreement = (from: number, count: number): Agreement => ({
  schema: 'enginesmith/agreement/v1',
  shard: { from, count },
  articles: Array.from({ length: count }, (_, index) => ({
    row: from + index,
    tokens: 40,
    klDivergence: 0.01 + 0.001 * index,
    top1Agreement: 0.95,
    negativeLogLikelihood: { baseline: Math.log(8), candidate: Math.log(9) },
  })),
});

type Shard = EvaluateGateInput['shards'][number];

/** Two shards of eight. */
const shards = (baseline: string[], candidate: string[]): [Shard, Shard] => [
  { baseline: evaluation(baseline.slice(0, 8), 0), candidate: evaluation(candidate.slice(0, 8), 0), agreement: null },
  { baseline: evaluation(baseline.slice(8), 8), candidate: evaluation(candidate.slice(8), 8), agreement: null },
];

const gate = (baseline: string[], candidate: string[], change: Partial<EvaluateGateInput> = {}) =>
  evaluateGate({ policy, look: 2, shards: shards(baseline, candidate), rows, ...change });

test('passes a candidate that equals its baseline, and its evidence survives JSON', () => {
  const evidence = gate(copies, copies);
  expect(evidence.decision).toMatchObject({ verdict: 'PASS', articles: 16, look: 2 });
  expect(evidence.decision.criteria[0]).toMatchObject({ name: 'margin', estimate: 0 });
  expect(gateEvidence.parse(JSON.parse(JSON.stringify(evidence)))).toEqual(evidence);
});

test('never fails a candidate that equals its baseline, whatever both write', () => {
  const text = fc.oneof(
    fc.string(),
    fc.constantFrom(...copies, ...ruined, '', 'spam '.repeat(40), '市议会投票决定更换钟楼'),
  );
  fc.assert(
    fc.property(fc.array(text, { minLength: 16, maxLength: 16 }), (texts) => {
      const points: GatePolicy = { ...policy, margin: { kind: 'points', value: 1 } };
      expect(gate(texts, texts, { policy: points }).decision.verdict).toBe('PASS');
    }),
    { numRuns: 60, seed: 3 },
  );
});

test('fails a ruined candidate at the first look, which sees the first shard alone', () => {
  const [first] = shards(copies, ruined);
  const { decision, means, articles } = gate(copies, ruined, { look: 1, shards: [first] });
  expect(decision).toMatchObject({ verdict: 'FAIL', articles: 8, look: 1 });
  expect(articles.map(({ row }) => row)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  expect(means.candidate.rougeLsum).toBeLessThan(means.baseline.rougeLsum - 30);
});

test('joins by dataset row, whatever the order of shards, texts and references', () => {
  const turned = shards(copies, inflected).map(({ baseline, candidate }) => ({
    baseline: { ...baseline, texts: baseline.texts.toReversed() },
    candidate: {
      ...candidate,
      texts: candidate.texts.toSorted((left, right) => ((left.row * 5) % 8) - ((right.row * 5) % 8)),
    },
    agreement: null,
  }));
  const evidence = gate(copies, inflected, { shards: turned.toReversed(), rows: rows.toReversed() });
  expect(evidence).toEqual(gate(copies, inflected));
});

test('gives the same evidence when it is computed again from the evidence’s own texts', () => {
  const evidence = gate(copies, inflected);
  const stored = gateEvidence.parse(JSON.parse(JSON.stringify(evidence)));
  const texts = (side: 'baseline' | 'candidate') => stored.articles.map((article) => article[side].text);
  const again = evaluateGate({
    policy: stored.policy,
    look: stored.decision.look,
    shards: shards(texts('baseline'), texts('candidate')),
    rows: stored.articles.map(({ row, question, reference }) => ({ row, question, reference })),
  });
  expect(again).toEqual(evidence);
});

test('scores collapse against shuffled references', () => {
  const shifted = rows.map((row, index) => ({ ...row, reference: sentences[(index + 5) % 16] ?? '' }));
  const straight = gate(copies, copies).means.baseline.rougeLsum;
  expect(gate(copies, copies, { rows: shifted }).means.baseline.rougeLsum).toBeLessThan(straight / 2);
});

const [first, second] = shards(copies, copies);
const withTexts = (side: Evaluation, texts: Evaluation['texts']) => ({ ...side, texts });

test.each<[string, Partial<EvaluateGateInput>, RegExp]>([
  [
    'a row that only one side has',
    { shards: [{ ...first, candidate: withTexts(first.candidate, first.candidate.texts.slice(1)) }, second] },
    /Row 0 .* missing from the candidate/,
  ],
  ['a row without a reference', { rows: rows.slice(0, 15) }, /Row 15 .* missing from the list of references/],
  [
    'a row that comes twice',
    {
      shards: [
        { ...first, candidate: withTexts(first.candidate, [...first.candidate.texts, ...first.candidate.texts]) },
        second,
      ],
    },
    /candidate has a row twice/,
  ],
  [
    'a row of another shard',
    {
      shards: [
        first,
        { ...second, baseline: withTexts(second.baseline, [...second.baseline.texts, { row: 3, text: '' }]) },
      ],
    },
    /baseline has a text of row 3, but covers rows 8 to 15/,
  ],
  [
    'sides that were asked other questions',
    { shards: [{ ...first, baseline: { ...first.baseline, questions: 'b' } }, second] },
    /asked other questions than the candidate in rows 0 to 7/,
  ],
  ['shards that overlap', { shards: [first, first] }, /covers rows 0 to 7 where rows 8 to 15 are due/],
  ['a gap before the first shard', { look: 1, shards: [second] }, /covers rows 8 to 15 where rows 0 to 7 are due/],
  [
    'sides that were cut differently',
    { shards: [{ ...first, candidate: evaluation(copies.slice(0, 4), 0) }, second] },
    /candidate covers rows 0 to 3 where rows 0 to 7 are due/,
  ],
  [
    'an agreement of another shard',
    { shards: [{ ...first, agreement: agreement(8, 8) }, second] },
    /agreement covers rows 8 to 15/,
  ],
  ['a look whose shards are missing', { shards: [first] }, /Look 2 of 2 sees 16 articles, but the shards hold 8/],
  ['a look that sees more than it may', { look: 1 }, /Look 1 of 2 sees 8 articles, but the shards hold 16/],
  ['a look that does not exist', { look: 3 }, /Look 3 does not exist/],
  ['no shard at all', { shards: [] }, /the shards hold 0/],
])('refuses %s', (_, change, message) => {
  expect(() => gate(copies, copies, change)).toThrow(
    expect.objectContaining({ type: 'EvaluationInvalid', message: expect.stringMatching(message) }),
  );
});

const printedMeans = (texts: string[], from: number, stemmer: boolean): RougeScores =>
  meanScores(texts.map((text, index) => scoreRouge(rows[from + index]?.reference ?? '', text, { stemmer })));

test.each([
  ['words, as TensorRT-LLM’s summarize.py does', false],
  ['stems', true],
])('accepts printed scores computed over %s, shard by shard', (_, stemmer) => {
  const [one, two] = shards(copies, inflected);
  const printedScores = printedMeans(inflected.slice(8), 8, stemmer);
  const { printed } = gate(copies, inflected, {
    shards: [one, { ...two, candidate: { ...two.candidate, printedScores } }],
  });
  expect(printed).toEqual([
    { side: 'candidate', from: 8, count: 8, scores: printedScores, stemmer, largestGapPoints: 0 },
  ]);
});

test('refuses printed scores that are more than half a point away', () => {
  const scores = printedMeans(copies.slice(0, 8), 0, false);
  const printedScores = { ...scores, rouge2: scores.rouge2 - 0.6 };
  expect(() =>
    gate(copies, copies, { shards: [{ ...first, baseline: { ...first.baseline, printedScores } }, second] }),
  ).toThrow(
    expect.objectContaining({ type: 'EvaluationInvalid', message: expect.stringContaining('printed ROUGE scores') }),
  );
});

test('accepts the median of a bootstrap where few texts scatter widely, which lies further from their mean', () => {
  const texts = [...copies.slice(0, 3), ...ruined.slice(3, 8)];
  const values = texts.map((text, index) => scoreRouge(rows[index]?.reference ?? '', text, { stemmer: false }).rouge2);
  const mean = values.reduce((total, value) => total + value, 0) / values.length;
  const variance = values.reduce((total, value) => total + (value - mean) ** 2, 0) / (values.length - 1);
  const standardError = Math.sqrt(variance / values.length);
  const scores = printedMeans(texts, 0, false);
  const printedAt = (standardErrors: number) => () => {
    const printedScores = { ...scores, rouge2: scores.rouge2 - standardErrors * standardError };
    const [one, two] = shards([...texts, ...copies.slice(8)], copies);
    return gate(copies, copies, { shards: [{ ...one, baseline: { ...one.baseline, printedScores } }, two] });
  };
  expect(0.2 * standardError).toBeGreaterThan(0.5);
  expect(printedAt(0.2)).not.toThrow();
  expect(printedAt(0.4)).toThrow(expect.objectContaining({ type: 'EvaluationInvalid' }));
});

test.each([
  ['Chinese', '市议会投票决定更换钟楼'],
  ['Russian', 'Городской совет проголосовал за замену часов'],
])('refuses %s references, in which ROUGE sees nothing, so that any candidate would pass', (_, reference) => {
  const others = rows.map((row) => ({ ...row, reference }));
  const points: GatePolicy = { ...policy, margin: { kind: 'points', value: 4 } };
  expect(() => gate(copies, ruined, { rows: others, policy: points })).toThrow(
    expect.objectContaining({ type: 'EvaluationInvalid', message: expect.stringContaining('ASCII') }),
  );
});

test.each(['Der Gemeinderat möchte die Uhr ersetzen', '42', '1.5 %'])('takes the reference %s', (reference) => {
  const others = rows.map((row) => ({ ...row, reference }));
  const points: GatePolicy = { ...policy, margin: { kind: 'points', value: 4 } };
  expect(() => gate(copies, copies, { rows: others, policy: points })).not.toThrow();
});

test('shows what decides nothing as measures', () => {
  const looping = [...copies.slice(0, 14), 'loop '.repeat(50), ''];
  const [one, two] = shards(copies, looping);
  const { measures, decision } = gate(copies, looping, {
    shards: [
      { ...one, candidate: { ...one.candidate, perplexity: 12 }, agreement: agreement(0, 8) },
      { ...two, candidate: { ...two.candidate, perplexity: 14 }, agreement: agreement(8, 8) },
    ],
  });
  expect(decision.criteria.map(({ name }) => name)).toEqual(['margin', 'degenerate-texts']);
  expect(measures.map(({ name, baseline, candidate }) => [name, baseline, candidate])).toEqual([
    ['printed perplexity', null, 13],
    ['perplexity of the baseline’s texts', expect.closeTo(8), expect.closeTo(9)],
    ['KL divergence', null, expect.closeTo(0.0135)],
    ['top-1 agreement', null, expect.closeTo(0.95)],
    ['empty', 0, 1],
    ['repetition', 0, 1],
    ['other-language', 0, 0],
  ]);
});
