import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { specSchema } from '../../src/contracts/spec.js';
import { evaluateServed } from '../../src/gate/served.js';

const sentences = readFileSync(new URL('../fixtures/gate/sentences.txt', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .slice(0, 8);
const { gate } = specSchema.parse({
  apiVersion: 'enginesmith/v1',
  name: 'served',
  model: { repository: 'owner/model' },
  quantization: { format: 'none' },
  gate: { dataset: { repository: 'owner/articles' }, margin: { share: 0.1 } },
});

const rows = sentences.map((reference, row) => ({ row, question: reference, reference }));
const texts = (change: (sentence: string, row: number) => string) =>
  sentences.map((sentence, row) => ({ row, text: change(sentence, row) }));
const engineTexts = texts((sentence) => `${sentence} The council said so on Tuesday.`);
const serve = (servedTexts: typeof engineTexts) =>
  evaluateServed({ gate, alpha: 0.05, engineTexts, servedTexts, rows });

test('passes a candidate that answers through Triton what its engine answers', () => {
  const report = serve(engineTexts.toReversed());
  expect(report).toMatchObject({
    verdict: 'PASS',
    articles: 8,
    identicalTexts: 8,
    meanDifference: 0,
    lowerBound: 0,
    upperBound: 0,
    reason: expect.stringMatching(
      /^rougeLsum through Triton differs by 0\.0 points from the engine’s over 8 texts \(8 are the same\); its lower bound, 0\.0, is above the margin of −\d+\.\d\.$/,
    ),
  });
  expect(report.scores.served).toEqual(report.scores.engine);
  expect(report.marginPoints).toBeCloseTo(report.scores.engine.rougeLsum / 10, 9);
});

test.each([
  ['a stop token that is not seen', (sentence: string) => `${sentence} ${'Question: what else happened? '.repeat(30)}`],
  ['a tokenizer of another model', (_: string, row: number) => `Ġth Ġan ing ${row} Ġof Ġed`],
  ['nothing but blanks', () => ' \n'],
])('fails %s', (_, change) => {
  const report = serve(texts(change));
  expect(report).toMatchObject({ verdict: 'FAIL', identicalTexts: 0 });
  expect(report.meanDifference).toBeLessThan(-report.marginPoints);
});

test('fails degenerate texts even where the margin allows them', () => {
  const wide = { ...gate, margin: { points: 50 } };
  const servedTexts = texts((sentence) => `${sentence} ${'and so on '.repeat(12)}`);
  const report = evaluateServed({ gate: wide, alpha: 0.05, engineTexts, servedTexts, rows });
  expect(report.lowerBound).toBeGreaterThan(-50);
  expect(report).toMatchObject({
    verdict: 'FAIL',
    reason: expect.stringContaining('Of 8 texts, 100 % more are empty'),
  });
});

test('claims nothing with fewer than two texts', () => {
  expect(serve(engineTexts.slice(0, 1))).toMatchObject({
    verdict: 'INCONCLUSIVE',
    articles: 1,
    identicalTexts: 1,
    lowerBound: -100,
    upperBound: 100,
  });
  expect(serve([])).toMatchObject({ verdict: 'INCONCLUSIVE', articles: 0, meanDifference: 0, marginPoints: 0 });
});

test('is inconclusive where a few different answers could mean anything', () => {
  const report = serve(engineTexts.map(({ row, text }) => ({ row, text: row === 3 ? 'Nobody knows.' : text })));
  expect(report).toMatchObject({ verdict: 'INCONCLUSIVE', identicalTexts: 7 });
});

test('refuses answers to questions that the engine was not asked', () => {
  expect(() => serve([...engineTexts, { row: 8, text: '' }])).toThrow(
    expect.objectContaining({ type: 'EvaluationInvalid', message: expect.stringContaining('Row 8') }),
  );
});

test('does not judge a share of answers that score nothing: the gate had more of them', () => {
  const mute = texts(() => 'Ja.');
  const same = evaluateServed({ gate, alpha: 0.05, engineTexts: mute, servedTexts: mute, rows });
  expect(same).toMatchObject({
    verdict: 'INCONCLUSIVE',
    identicalTexts: 8,
    reason: expect.stringContaining('score 0'),
  });
  const servedTexts = texts(() => 'and so on '.repeat(60));
  expect(evaluateServed({ gate, alpha: 0.05, engineTexts: mute, servedTexts, rows }).verdict).toBe('FAIL');
});
