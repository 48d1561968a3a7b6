import type { Digest } from '../contracts/artifacts.js';
import type { Evaluation, Shard } from '../contracts/evaluation.js';
import { EnginesmithFailure } from '../contracts/failures.js';

/** What a tool answered to a shard: all that it saw, so `row` counts from the shard's start. */
export type ShardAnswers = Pick<Evaluation, 'printedScores' | 'perplexity' | 'texts'>;

/**
 * The evaluation of a shard, its rows counted from the start of the whole split.
 * @param questions digest of the shard as a dataset
 * @throws EnginesmithFailure `ToolOutputInvalid` unless each row is answered once: an evaluation in the store is never made again
 */
export function shardEvaluation({ texts, ...measured }: ShardAnswers, shard: Shard, questions: Digest): Evaluation {
  const answered = new Set(texts.map(({ row }) => row).filter((row) => row < shard.count));
  if (texts.length !== shard.count || answered.size !== shard.count) {
    throw new EnginesmithFailure(
      'ToolOutputInvalid',
      `the tool wrote ${texts.length} texts, which answer ${answered.size} of the ${shard.count} rows that it was given`,
      { context: { expected: shard.count, found: answered.size } },
    );
  }
  return {
    schema: 'enginesmith/evaluation/v2',
    shard,
    questions,
    ...measured,
    texts: texts.map(({ row, text }) => ({ row: shard.from + row, text })),
  };
}
