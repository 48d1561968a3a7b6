import type { Criterion } from '../../contracts/gate.js';
import { judgeMean } from '../mean-bounds.js';
import { agreementsFor } from './agreements.js';
import type { Look } from './rule.js';

/** How often both engines find the same successor likeliest: share of tokens, mean over articles. */
export function top1AgreementCriterion({ policy, nominalAlpha, articles }: Look): Criterion | null {
  const { top1Agreement: limit } = policy.limits;
  if (limit === null) return null;
  const values = agreementsFor('top1Agreement', articles).map(({ top1Agreement }) => top1Agreement);
  return judgeMean({
    name: 'top1-agreement',
    unit: 'share of tokens',
    values,
    limit,
    good: 'above',
    alpha: nominalAlpha,
  });
}
