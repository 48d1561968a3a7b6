import type { Shard } from '../contracts/evaluation.js';
import { EnginesmithFailure } from '../contracts/failures.js';
import type { PrintedCheck, RougeScores } from '../contracts/gate.js';
import { rougeMetrics } from '../contracts/spec.js';
import { meanScores } from './mean-scores.js';
import { scoreRouge } from './rouge.js';

/** How far our mean may lie from the tool's printed score, which is a bootstrap aggregate of the same articles. */
const largestAllowedGapPoints = 0.5;

export interface PrintedScores {
  side: PrintedCheck['side'];
  shard: Shard;
  printed: RougeScores;
  /** The shard's texts with their references. */
  texts: readonly { text: string; reference: string }[];
}

function largestGap(printed: RougeScores, ours: RougeScores): number {
  return Math.max(...rougeMetrics.map((metric) => Math.abs(printed[metric] - ours[metric])));
}

/**
 * Holds our scores against what the tool printed for one shard of one side. summarize.py calls `evaluate`'s ROUGE with its
 * default, which compares words, while the gate compares stems: so the tool's numbers are looked for both ways, and the
 * way that fits is recorded.
 *
 * @throws EvaluationInvalid when neither way comes near enough
 */
export function checkPrinted({ side, shard, printed, texts }: PrintedScores): PrintedCheck {
  const ways = [false, true].map((stemmer) => {
    const ours = meanScores(texts.map(({ reference, text }) => scoreRouge(reference, text, { stemmer })));
    return { stemmer, largestGapPoints: largestGap(printed, ours) };
  });
  const best = ways.reduce((nearest, way) => (way.largestGapPoints < nearest.largestGapPoints ? way : nearest));
  if (best.largestGapPoints <= largestAllowedGapPoints) return { side, ...shard, scores: printed, ...best };
  throw new EnginesmithFailure(
    'EvaluationInvalid',
    `summarize.py printed ROUGE scores for the ${side} that lie up to ${best.largestGapPoints.toFixed(2)} points from those ` +
      `of the same ${shard.count} texts from row ${shard.from} on (at most ${largestAllowedGapPoints} is allowed): its ` +
      'texts, its log or the references are not of one run. Evaluate again, and check that the dataset is the one that ' +
      'the tool read.',
    { context: { side, from: shard.from, largestGapPoints: best.largestGapPoints } },
  );
}
