import type { DatasetRow } from '../contracts/evaluation.js';
import { EnginesmithFailure } from '../contracts/failures.js';
import { GATE_POLICY_VERSION, type GateEvidence, type GatePolicy, type PrintedCheck } from '../contracts/gate.js';
import { spendAlpha } from './alpha-spending.js';
import { byRow, itemAt } from './by-row.js';
import { decide } from './decide.js';
import { type ComparedShard, type JoinedRow, joinShards } from './join-shards.js';
import { judgeText } from './judge-text.js';
import { meanScores } from './mean-scores.js';
import { measure } from './measures.js';
import { checkPrinted } from './printed-check.js';
import { requireComparable } from './references.js';

export interface EvaluateGateInput {
  policy: GatePolicy;
  /** Counted from 1. */
  look: number;
  /** All that this look sees: the shards of the earlier looks too. */
  shards: readonly ComparedShard[];
  /** May hold more rows than were answered. */
  rows: readonly DatasetRow[];
}

type Article = GateEvidence['articles'][number];

function checkCount(joined: readonly JoinedRow[], { policy, look }: EvaluateGateInput): void {
  const expected = policy.looks[look - 1];
  if (joined.length === expected) return;
  throw new EnginesmithFailure(
    'EvaluationInvalid',
    expected === undefined
      ? `Look ${look} does not exist: the policy has ${policy.looks.length}.`
      : `Look ${look} of ${policy.looks.length} sees ${expected} articles, but the shards hold ${joined.length}. Evaluate ` +
          'the missing shards, or leave out those of later looks.',
    { context: { look, expected: expected ?? null, found: joined.length } },
  );
}

function checkAllPrinted({ shards }: EvaluateGateInput, articles: readonly Article[]): PrintedCheck[] {
  const sides = ['baseline', 'candidate'] as const;
  const checks = shards.flatMap((compared) =>
    sides.flatMap((side) => {
      const { shard, printedScores } = compared[side];
      if (printedScores === null) return [];
      const texts = articles
        .slice(shard.from, shard.from + shard.count)
        .map((article) => ({ text: article[side].text, reference: article.reference }));
      return [checkPrinted({ side, shard, printed: printedScores, texts })];
    }),
  );
  return checks.toSorted((left, right) => left.from - right.from);
}

/**
 * Scores both sides' texts, pairs them by dataset row and decides at this look. Pure: the same input gives the same
 * evidence, whatever the order of shards and rows.
 *
 * @throws EvaluationInvalid when shards or rows do not pair up, a reference is missing or in another script, the articles are
 *   not as many as the look sees, printed scores disagree with the texts, or a limit has nothing to be held against
 */
export function evaluateGate(input: EvaluateGateInput): GateEvidence {
  const { policy, look, shards } = input;
  const joined = joinShards(shards);
  checkCount(joined, input);
  const rows = byRow('list of references', input.rows);
  requireComparable(input.rows.map(({ reference }) => reference));
  const articles = joined.map(({ row, agreement, ...texts }): Article => {
    const asked = itemAt(rows, row, 'list of references');
    const baseline = judgeText(texts.baseline, asked);
    const candidate = judgeText(texts.candidate, asked);
    const difference = candidate.scores[policy.metric] - baseline.scores[policy.metric];
    const { question, reference } = asked;
    return { row, question, reference, baseline, candidate, difference, agreement };
  });
  const level = itemAt(new Map(spendAlpha(policy).map((spent, index) => [index, spent])), look - 1, 'policy');
  return {
    schema: 'enginesmith/gate-evidence/v2',
    policyVersion: GATE_POLICY_VERSION,
    policy,
    decision: decide({ policy, look, level, articles }),
    means: {
      baseline: meanScores(articles.map(({ baseline }) => baseline.scores)),
      candidate: meanScores(articles.map(({ candidate }) => candidate.scores)),
    },
    measures: measure({
      articles,
      baseline: shards.map(({ baseline }) => baseline),
      candidate: shards.map(({ candidate }) => candidate),
    }),
    printed: checkAllPrinted(input, articles),
    articles,
  };
}
