import type { Criterion } from '../../contracts/gate.js';
import { judgeMean } from '../mean-bounds.js';
import { agreementsFor } from './agreements.js';
import type { Look } from './rule.js';

/**
 * By how much the candidate finds the baseline's texts less likely: the mean log of the ratio of both perplexities of a
 * text, against the log of the ratio that the policy allows.
 */
export function perplexityCriterion({ policy, nominalAlpha, articles }: Look): Criterion | null {
  const { perplexityIncrease } = policy.limits;
  if (perplexityIncrease === null) return null;
  return judgeMean({
    name: 'perplexity',
    unit: 'nats a token (log of the ratio of perplexities)',
    values: agreementsFor('perplexityIncrease', articles).map(
      ({ negativeLogLikelihood: { baseline, candidate } }) => candidate - baseline,
    ),
    limit: Math.log1p(perplexityIncrease),
    good: 'below',
    alpha: nominalAlpha,
  });
}
