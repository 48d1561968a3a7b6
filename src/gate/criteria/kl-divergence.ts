import type { Criterion } from '../../contracts/gate.js';
import { judgeMean } from '../mean-bounds.js';
import { agreementsFor } from './agreements.js';
import type { Look } from './rule.js';

/** How far the candidate's next-token distributions lie from the baseline's: KL(baseline ‖ candidate), mean over articles. */
export function klDivergenceCriterion({ policy, nominalAlpha, articles }: Look): Criterion | null {
  const { klDivergence: limit } = policy.limits;
  if (limit === null) return null;
  const values = agreementsFor('klDivergence', articles).map(({ klDivergence }) => klDivergence);
  return judgeMean({ name: 'kl-divergence', unit: 'nats a token', values, limit, good: 'below', alpha: nominalAlpha });
}
