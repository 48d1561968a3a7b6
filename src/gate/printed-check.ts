import type { Shard } from '../contracts/evaluation.js';
import { EnginesmithFailure } from '../contracts/failures.js';
import type { PrintedCheck, RougeScores } from '../contracts/gate.js';
import { type RougeMetric, rougeMetrics } from '../contracts/spec.js';
import { meanScores } from './mean-scores.js';
import { scoreRouge } from './rouge.js';
import { standardDeviation } from './standard-deviation.js';

/**
 * How far our mean may lie from the tool's printed score, in points: two ways of rounding. What is printed is the median of a
 * bootstrap of the same articles, though, which lies up to 0.16 standard errors from their mean where they are few.
 */
const allowedGap = { points: 0.5, standardErrors: 0.25 };

export interface PrintedScores {
  side: PrintedCheck['side'];
  shard: Shard;
  printed: RougeScores;
  /** The shard's texts with their references. */
  texts: readonly { text: string; reference: string }[];
}

const isNear = (metric: RougeMetric, printed: RougeScores, ours: readonly RougeScores[]): boolean => {
  const values = ours.map((scores) => scores[metric]);
  return gapOf(metric, printed, ours) <= Math.max(allowedGap.points, allowedGap.standardErrors * standardError(values));
};

const gapOf = (metric: RougeMetric, printed: RougeScores, ours: readonly RougeScores[]): number =>
  Math.abs(printed[metric] - meanScores(ours)[metric]);

/** Of their mean; 0 of one value, whose bootstrap is itself. */
const standardError = (values: readonly number[]): number =>
  values.length < 2 ? 0 : standardDeviation(values) / Math.sqrt(values.length);

/**
 * Holds our scores against what the tool printed for one shard of one side. summarize.py calls `evaluate`'s ROUGE with its
 * default, which compares words, while the gate compares stems: so the tool's numbers are looked for both ways, and the
 * way that fits is recorded.
 *
 * @throws EvaluationInvalid when neither way comes near enough
 */
export function checkPrinted({ side, shard, printed, texts }: PrintedScores): PrintedCheck {
  const ways = [false, true].map((stemmer) => {
    const ours = texts.map(({ reference, text }) => scoreRouge(reference, text, { stemmer }));
    return {
      fits: rougeMetrics.every((metric) => isNear(metric, printed, ours)),
      found: { stemmer, largestGapPoints: Math.max(...rougeMetrics.map((metric) => gapOf(metric, printed, ours))) },
    };
  });
  const [best] = ways.toSorted(
    (left, right) =>
      Number(right.fits) - Number(left.fits) || left.found.largestGapPoints - right.found.largestGapPoints,
  );
  if (best?.fits) return { side, ...shard, scores: printed, ...best.found };
  const gap = best?.found.largestGapPoints ?? Number.NaN;
  throw new EnginesmithFailure(
    'EvaluationInvalid',
    `summarize.py printed ROUGE scores for the ${side} that lie up to ${gap.toFixed(2)} points from those ` +
      `of the same ${shard.count} texts from row ${shard.from} on (${allowedGap.points} is allowed, or a quarter of a standard error): its ` +
      'texts, its log or the references are not of one run. Evaluate again, and check that the dataset is the one that ' +
      'the tool read.',
    { context: { side, from: shard.from, largestGapPoints: gap } },
  );
}
