import type { RougeScores } from '../contracts/gate.js';
import { stem } from './porter-stemmer.js';

export interface RougeOptions {
  /** Compare stems rather than words, as `RougeScorer(use_stemmer=True)` does. */
  stemmer: boolean;
}

/** Lower-case runs of ASCII letters and digits: rouge-score treats every other character as a blank. */
function tokenize(text: string, { stemmer }: RougeOptions): string[] {
  const tokens = text.toLowerCase().match(/[a-z0-9]+/g) ?? [];
  return stemmer ? tokens.map((token) => (token.length > 3 ? stem(token) : token)) : tokens;
}

function countEach(tokens: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const token of tokens) counts.set(token, (counts.get(token) ?? 0) + 1);
  return counts;
}

const sum = (values: Iterable<number>) => [...values].reduce((total, value) => total + value, 0);

/** F1 in points. */
function fMeasure(hits: number, predicted: number, expected: number): number {
  return hits === 0 ? 0 : (200 * hits) / (predicted + expected);
}

function ngrams(tokens: string[], size: number): Map<string, number> {
  const starts = tokens.slice(0, Math.max(0, tokens.length - size + 1));
  return countEach(starts.map((_, start) => tokens.slice(start, start + size).join(' ')));
}

function rougeN(expected: string[], predicted: string[], size: number): number {
  const expectedCounts = ngrams(expected, size);
  const predictedCounts = ngrams(predicted, size);
  const hits = sum([...expectedCounts].map(([ngram, count]) => Math.min(count, predictedCounts.get(ngram) ?? 0)));
  return fMeasure(hits, sum(predictedCounts.values()), sum(expectedCounts.values()));
}

/** `table.at(i, j)`: the length of the longest common subsequence of the first i and the first j tokens. */
function subsequenceTable(expected: string[], predicted: string[]) {
  const width = predicted.length + 1;
  const lengths = new Uint32Array((expected.length + 1) * width);
  const at = (row: number, column: number) => lengths[row * width + column] ?? 0;
  for (let row = 1; row <= expected.length; row += 1) {
    for (let column = 1; column <= predicted.length; column += 1) {
      lengths[row * width + column] =
        expected[row - 1] === predicted[column - 1]
          ? at(row - 1, column - 1) + 1
          : Math.max(at(row - 1, column), at(row, column - 1));
    }
  }
  return { at };
}

/** The places in `expected` of one longest common subsequence; of several, the one that rouge-score picks. */
function subsequencePlaces(expected: string[], predicted: string[]): number[] {
  const table = subsequenceTable(expected, predicted);
  const places: number[] = [];
  let row = expected.length;
  let column = predicted.length;
  while (row > 0 && column > 0) {
    if (expected[row - 1] === predicted[column - 1]) {
      places.push(row - 1);
      row -= 1;
      column -= 1;
    } else if (table.at(row, column - 1) > table.at(row - 1, column)) {
      column -= 1;
    } else {
      row -= 1;
    }
  }
  return places;
}

function rougeL(expected: string[], predicted: string[]): number {
  const hits = subsequenceTable(expected, predicted).at(expected.length, predicted.length);
  return fMeasure(hits, predicted.length, expected.length);
}

/** Summary-level ROUGE-L: for each expected sentence the union of its subsequences with every predicted sentence. */
function rougeLsum(expected: string[][], predicted: string[][]): number {
  const expectedLeft = countEach(expected.flat());
  const predictedLeft = countEach(predicted.flat());
  let hits = 0;
  for (const sentence of expected) {
    const union = new Set(predicted.flatMap((other) => subsequencePlaces(sentence, other)));
    // a token hits at most as often as it stands in either text (ROUGE 1.5.5, not the paper)
    for (const token of sentence.filter((_, place) => union.has(place))) {
      const left = [expectedLeft.get(token) ?? 0, predictedLeft.get(token) ?? 0] as const;
      if (left[0] === 0 || left[1] === 0) continue;
      hits += 1;
      expectedLeft.set(token, left[0] - 1);
      predictedLeft.set(token, left[1] - 1);
    }
  }
  return fMeasure(hits, predicted.flat().length, expected.flat().length);
}

/**
 * ROUGE F1 of one prediction against one reference, in points (0–100), equal to Python's rouge-score 0.1.2. Sentences for
 * rougeLsum are the lines of the texts.
 */
export function scoreRouge(reference: string, prediction: string, options: RougeOptions): RougeScores {
  const expected = tokenize(reference, options);
  const predicted = tokenize(prediction, options);
  const sentences = (text: string) => text.split('\n').map((line) => tokenize(line, options));
  return {
    rouge1: rougeN(expected, predicted, 1),
    rouge2: rougeN(expected, predicted, 2),
    rougeL: rougeL(expected, predicted),
    rougeLsum: rougeLsum(sentences(reference), sentences(prediction)),
  };
}
