import quantile from '@stdlib/stats-base-dists-t-quantile';
import { EnginesmithFailure } from '../contracts/failures.js';
import type { GateDecision, GateMargin } from '../contracts/gate.js';

export interface DecideInput {
  /** Candidate − baseline of each article, in points. */
  differences: readonly number[];
  /** The baseline's mean score over the same articles, in points: what a margin as a share refers to. */
  baselineMean: number;
  margin: GateMargin;
  /** One-sided error of each bound; with several looks, the part of it that this look may spend. */
  alpha: number;
}

/** Beyond this many articles "how many would decide" has no practical meaning. */
const mostArticles = 1_000_000;

function marginInPoints({ margin, baselineMean }: DecideInput): number {
  const marginPoints = margin.kind === 'share' ? margin.value * baselineMean : margin.value;
  if (marginPoints > 0) return marginPoints;
  throw new EnginesmithFailure(
    'EvaluationInvalid',
    `The margin is ${margin.value} of a baseline that scores ${baselineMean}: that allows nothing. Look at the ` +
      'baseline’s texts (a broken baseline cannot judge), or state the margin in points.',
    { context: { baselineMean, margin: margin.value } },
  );
}

/** How far the one-sided bound of a mean of n differences lies from the mean. */
const boundDistance = (standardDeviation: number, articles: number, alpha: number) =>
  standardDeviation === 0 ? 0 : (quantile(1 - alpha, articles - 1) * standardDeviation) / Math.sqrt(articles);

/** The fewest articles whose bound would clear the distance between mean and margin, by bisection: the bound only shrinks. */
function articlesToDecide(distance: number, standardDeviation: number, alpha: number): number | undefined {
  const decides = (articles: number) => boundDistance(standardDeviation, articles, alpha) < distance;
  if (!decides(mostArticles)) return undefined;
  let tooFew = 1;
  let enough = mostArticles;
  while (enough - tooFew > 1) {
    const middle = Math.floor((tooFew + enough) / 2);
    if (decides(middle)) enough = middle;
    else tooFew = middle;
  }
  return enough;
}

/**
 * Decides whether a candidate is not worse than its baseline by a margin M or more: PASS where the lower one-sided t bound
 * of the mean paired difference is above −M, FAIL where the upper one is below −M, else INCONCLUSIVE.
 *
 * @throws EvaluationInvalid when there are fewer than two differences, one is not finite, or the margin comes to nothing
 */
export function decide(input: DecideInput): GateDecision {
  const { differences, alpha } = input;
  const articles = differences.length;
  if (articles < 2 || !differences.every(Number.isFinite)) {
    throw new EnginesmithFailure(
      'EvaluationInvalid',
      `Expected the score differences of at least two articles, each a finite number, found ${articles} articles. One ` +
        'article says nothing about the spread: evaluate more.',
      { context: { articles } },
    );
  }
  const marginPoints = marginInPoints(input);
  const meanDifference = differences.reduce((total, difference) => total + difference, 0) / articles;
  const squares = differences.reduce((total, difference) => total + (difference - meanDifference) ** 2, 0);
  const standardDeviation = Math.sqrt(squares / (articles - 1));
  const distance = boundDistance(standardDeviation, articles, alpha);
  const lowerBound = meanDifference - distance;
  const upperBound = meanDifference + distance;
  const measured = { articles, alpha, marginPoints, meanDifference, standardDeviation, lowerBound, upperBound };
  if (lowerBound > -marginPoints) return { verdict: 'PASS', ...measured };
  if (upperBound < -marginPoints) return { verdict: 'FAIL', ...measured };
  const needed = articlesToDecide(Math.abs(meanDifference + marginPoints), standardDeviation, alpha);
  return { verdict: 'INCONCLUSIVE', ...measured, ...(needed === undefined ? {} : { articlesToDecide: needed }) };
}
