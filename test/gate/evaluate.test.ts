import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { gateEvidence } from '../../src/contracts/gate.js';
import { evaluateGate } from '../../src/gate/evaluate.js';
import { scoreRouge } from '../../src/gate/rouge.js';

const policy = { metric: 'rougeLsum', margin: { kind: 'share', value: 0.1 }, alpha: 0.05 } as const;
const sentences = readFileSync(new URL('../fixtures/gate/sentences.txt', import.meta.url), 'utf8')
  .trim()
  .split('\n');

const references = sentences.slice(0, 16).map((highlights, row) => ({ row, highlights }));
const copies = references.map(({ row, highlights }) => ({ row, text: `${highlights} It said more displayed things.` }));
const inflected = references.map(({ row, highlights }) => ({ row, text: highlights.replace(/([a-z]{5})\b/g, '$1s') }));
const ruined = references.map(({ row }) => ({ row, text: `@ the the ${row} %%` }));

function printedMeans(texts: typeof copies, stemmer: boolean) {
  const scores = texts.map(({ row, text }) => scoreRouge(references[row]?.highlights ?? '', text, { stemmer }));
  const mean = (metric: 'rouge1' | 'rouge2' | 'rougeL' | 'rougeLsum') =>
    scores.reduce((total, each) => total + each[metric], 0) / scores.length;
  return { rouge1: mean('rouge1'), rouge2: mean('rouge2'), rougeL: mean('rougeL'), rougeLsum: mean('rougeLsum') };
}

test('passes a candidate that equals its baseline, and its evidence survives JSON', () => {
  const evidence = evaluateGate({ baseline: copies, candidate: copies, references, policy });
  expect(evidence.decision).toMatchObject({ verdict: 'PASS', meanDifference: 0, articles: 16 });
  expect(gateEvidence.parse(JSON.parse(JSON.stringify(evidence)))).toEqual(evidence);
});

test('fails a ruined candidate at 16 articles', () => {
  const evidence = evaluateGate({ baseline: copies, candidate: ruined, references, policy });
  expect(evidence.decision.verdict).toBe('FAIL');
  expect(evidence.means.candidate.rougeLsum).toBeLessThan(evidence.means.baseline.rougeLsum - 30);
});

test('joins by dataset row, whatever the order of the lines', () => {
  const shuffled = { baseline: copies.toReversed(), candidate: ruined, references: references.toReversed(), policy };
  expect(evaluateGate(shuffled)).toEqual(evaluateGate({ baseline: copies, candidate: ruined, references, policy }));
});

test('scores collapse against shuffled references', () => {
  const shifted = references.map(({ row }) => ({ row, highlights: sentences[(row + 5) % 16] ?? '' }));
  const evidence = evaluateGate({ baseline: copies, candidate: copies, references: shifted, policy });
  expect(evidence.means.baseline.rougeLsum).toBeLessThan(35);
});

test.each([
  ['a row that only one side has', { candidate: copies.slice(1) }, /Row 0 .* missing from the candidate/],
  [
    'a row without a reference',
    { references: references.slice(0, 15) },
    /Row 15 .* missing from the list of references/,
  ],
  ['a row that comes twice', { candidate: [...copies, ...copies.slice(3, 4)] }, /has a row twice/],
  ['two empty sides', { baseline: [], candidate: [] }, /nothing to compare/],
])('refuses %s', (_, change, message) => {
  const evaluate = () => evaluateGate({ baseline: copies, candidate: copies, references, policy, ...change });
  expect(evaluate).toThrow(
    expect.objectContaining({ type: 'EvaluationInvalid', message: expect.stringMatching(message) }),
  );
});

test.each([
  ['words, as TensorRT-LLM’s summarize.py does', false],
  ['stems', true],
])('accepts printed scores computed over %s', (_, stemmer) => {
  const printedScores = { candidate: printedMeans(inflected, stemmer) };
  const { printed } = evaluateGate({ baseline: copies, candidate: inflected, references, policy, printedScores });
  expect(printed.candidate).toMatchObject({ stemmer, largestGapPoints: 0 });
  expect(printed.baseline).toBeUndefined();
});

test('refuses printed scores that are more than half a point away', () => {
  const scores = printedMeans(copies, false);
  const printedScores = { baseline: { ...scores, rouge2: scores.rouge2 - 0.6 } };
  expect(() => evaluateGate({ baseline: copies, candidate: copies, references, policy, printedScores })).toThrow(
    expect.objectContaining({ type: 'EvaluationInvalid', message: expect.stringContaining('printed ROUGE scores') }),
  );
});
