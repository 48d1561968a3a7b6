import type { Criterion, GateEvidence, GatePolicy } from '../../contracts/gate.js';

/** What the criteria need of an article of the evidence. */
export type ComparedArticle = Pick<
  GateEvidence['articles'][number],
  'baseline' | 'candidate' | 'difference' | 'agreement'
>;

/** What a criterion looks at. */
export interface Look {
  policy: GatePolicy;
  /** One-sided error of a bound at this look alone. */
  nominalAlpha: number;
  articles: readonly ComparedArticle[];
}

/** One row of what decides; null where the policy sets no limit. */
export type CriterionRule = (look: Look) => Criterion | null;
