import { EnginesmithFailure } from '../../contracts/failures.js';
import type { Criterion, GateMargin } from '../../contracts/gate.js';
import { judgeMean } from '../mean-bounds.js';
import { meanScores } from '../mean-scores.js';
import type { Look } from './rule.js';

/** The margin M in points; `baselineMean` is what a share of it refers to, in points. */
export function marginInPoints(margin: GateMargin, baselineMean: number): number {
  return margin.kind === 'share' ? margin.value * baselineMean : margin.value;
}

export interface MarginInput {
  /** Candidate − baseline of each article, in points. */
  differences: readonly number[];
  /** The baseline's mean score over the same articles, in points. */
  baselineMean: number;
  margin: GateMargin;
  /** One-sided error of each bound. */
  alpha: number;
}

/**
 * Whether a candidate is not worse than its baseline by a margin M or more: the mean paired difference against −M.
 *
 * @throws EvaluationInvalid when there are fewer than two differences, one is not finite, or the margin comes to nothing
 */
export function judgeMargin({ differences, baselineMean, margin, alpha }: MarginInput): Criterion {
  const marginPoints = marginInPoints(margin, baselineMean);
  if (!(marginPoints > 0)) {
    throw new EnginesmithFailure(
      'EvaluationInvalid',
      `The margin is ${margin.value} of a baseline that scores ${baselineMean}: that allows nothing. Look at the ` +
        'baseline’s texts (a broken baseline cannot judge) and at the references, or choose another gate.metric.',
      { context: { baselineMean, margin: margin.value } },
    );
  }
  return judgeMean({ name: 'margin', unit: 'points', values: differences, limit: -marginPoints, good: 'above', alpha });
}

/** The row of the gate: always there. */
export function marginCriterion({ policy, nominalAlpha, articles }: Look): Criterion {
  const baselineMean = meanScores(articles.map(({ baseline }) => baseline.scores))[policy.metric];
  const differences = articles.map(({ difference }) => difference);
  return judgeMargin({ differences, baselineMean, margin: policy.margin, alpha: nominalAlpha });
}
