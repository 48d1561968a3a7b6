import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { stem } from '../../src/gate/porter-stemmer.js';
import { scoreRouge } from '../../src/gate/rouge.js';

const fixture = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../fixtures/rouge/${name}`, import.meta.url), 'utf8'));

const scores = z.array(z.number()).length(4);
const golden = z
  .object({
    texts: z.array(z.string()),
    pairs: z.array(z.object({ reference: z.int(), prediction: z.int(), stemmed: scores, plain: scores })),
  })
  .parse(fixture('pairs.json'));

test.each([
  ['stemmed', true],
  ['plain', false],
] as const)('agrees with Python’s rouge-score on every golden pair, %s', (way, stemmer) => {
  expect(golden.pairs.length).toBeGreaterThan(400);
  for (const pair of golden.pairs) {
    const [reference = '', prediction = ''] = [golden.texts[pair.reference], golden.texts[pair.prediction]];
    const ours = Object.values(scoreRouge(reference, prediction, { stemmer }));
    const gap = Math.max(...ours.map((value, index) => Math.abs(value - (pair[way][index] ?? Number.NaN))));
    expect(gap, JSON.stringify({ reference, prediction, ours, golden: pair[way] })).toBeLessThan(1e-6);
  }
});

test('stems every word of the list as NLTK does', () => {
  const words = Object.entries(z.record(z.string(), z.string()).parse(fixture('stems.json')));
  expect(words.length).toBeGreaterThan(3000);
  expect(words.filter(([word, expected]) => stem(word) !== expected)).toEqual([]);
});

test('scores a text against itself with 100 points in every metric', () => {
  const text = 'Two lines of text.\nEach is a sentence.';
  expect(scoreRouge(text, text, { stemmer: true })).toEqual({ rouge1: 100, rouge2: 100, rougeL: 100, rougeLsum: 100 });
});
