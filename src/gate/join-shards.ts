import type { Agreement, Evaluation, GeneratedText, Shard } from '../contracts/evaluation.js';
import { EnginesmithFailure } from '../contracts/failures.js';
import type { ArticleAgreement } from '../contracts/gate.js';
import { byRow, itemAt } from './by-row.js';

/** What was made of the same rows on both sides. */
export interface ComparedShard {
  baseline: Evaluation;
  candidate: Evaluation;
  /** Null where the toolchain cannot compare the sides token by token. */
  agreement: Agreement | null;
}

/** Both sides' texts of one row. */
export interface JoinedRow {
  row: number;
  baseline: string;
  candidate: string;
  agreement: ArticleAgreement | null;
}

const invalid = (message: string, context: Record<string, string | number>) =>
  new EnginesmithFailure('EvaluationInvalid', message, { context });

const extent = ({ from, count }: Shard) => `rows ${from} to ${from + count - 1}`;

function checkExtent(name: string, shard: Shard, expected: Shard): void {
  if (shard.from === expected.from && shard.count === expected.count) return;
  throw invalid(
    `The ${name} covers ${extent(shard)} where ${extent(expected)} are due: shards follow each other from row 0 on, and ` +
      'are the same on both sides. Evaluate both sides on the shards of one spec.',
    { side: name, from: shard.from, expectedFrom: expected.from },
  );
}

function textsOf(name: string, shard: Shard, texts: readonly GeneratedText[]): Map<number, GeneratedText> {
  const rows = byRow(name, texts);
  for (const row of rows.keys()) {
    if (row >= shard.from && row < shard.from + shard.count) continue;
    throw invalid(`The ${name} has a text of row ${row}, but covers ${extent(shard)} only. Evaluate it again.`, {
      side: name,
      row,
    });
  }
  return rows;
}

function joinShard({ baseline, candidate, agreement }: ComparedShard, from: number): JoinedRow[] {
  const shard = { from, count: baseline.shard.count };
  checkExtent('baseline', baseline.shard, shard);
  checkExtent('candidate', candidate.shard, shard);
  if (agreement !== null) checkExtent('agreement', agreement.shard, shard);
  if (baseline.questions !== candidate.questions) {
    throw invalid(
      `The baseline was asked other questions than the candidate in ${extent(shard)}: its evaluation is of another dataset ` +
        'or revision. Pin evaluations of this spec’s gate.dataset, or let the baseline be evaluated.',
      { from },
    );
  }
  const texts = {
    baseline: textsOf('baseline', shard, baseline.texts),
    candidate: textsOf('candidate', shard, candidate.texts),
  };
  const agreements = byRow('agreement', agreement?.articles ?? []);
  return Array.from({ length: shard.count }, (_, index) => from + index).map((row) => ({
    row,
    baseline: itemAt(texts.baseline, row, 'baseline').text,
    candidate: itemAt(texts.candidate, row, 'candidate').text,
    agreement: agreements.get(row) ?? null,
  }));
}

/**
 * The texts of all shards, paired by dataset row and ascending, whatever the order of the shards' texts.
 *
 * @throws EvaluationInvalid when the shards have a gap or overlap, differ between the sides, or a row is missing or twice
 */
export function joinShards(shards: readonly ComparedShard[]): JoinedRow[] {
  const joined: JoinedRow[] = [];
  for (const shard of shards.toSorted((left, right) => left.baseline.shard.from - right.baseline.shard.from)) {
    joined.push(...joinShard(shard, joined.length));
  }
  return joined;
}
