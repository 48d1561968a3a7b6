import { expect, test } from 'vitest';
import { evaluationSchema } from '../../src/contracts/evaluation.js';
import { shardEvaluation } from '../../src/toolchains/shard-evaluation.js';

const shard = { from: 16, count: 2 };
const answersOf = (...rows: number[]) => ({
  printedScores: null,
  perplexity: null,
  texts: rows.map((row) => ({ row, text: `answer ${row}` })),
});

test('counts rows from the start of the split', () => {
  const evaluation = evaluationSchema.parse(shardEvaluation(answersOf(0, 1), shard, 'q'));
  expect(evaluation.texts.map(({ row }) => row)).toEqual([16, 17]);
});

test.each([
  ['too few answers', [0]],
  ['too many', [0, 1, 2]],
  ['an answer to a row that was not asked', [0, 2]],
  ['two answers to one row', [1, 1]],
])('refuses %s', (_, rows) => {
  expect(() => shardEvaluation(answersOf(...rows), shard, 'q')).toThrow(
    expect.objectContaining({ type: 'ToolOutputInvalid', retryable: false }),
  );
});
