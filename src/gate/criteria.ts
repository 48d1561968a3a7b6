import type { criterionNames } from '../contracts/gate.js';
import { degenerateTextsCriterion } from './criteria/degenerate-texts.js';
import { klDivergenceCriterion } from './criteria/kl-divergence.js';
import { marginCriterion } from './criteria/margin.js';
import { perplexityCriterion } from './criteria/perplexity.js';
import type { CriterionRule } from './criteria/rule.js';
import { top1AgreementCriterion } from './criteria/top1-agreement.js';

/** Everything that can decide a gate, each in a file of its own; the order is that of `criterionNames`. */
export const criterionRules: Record<(typeof criterionNames)[number], CriterionRule> = {
  margin: marginCriterion,
  'degenerate-texts': degenerateTextsCriterion,
  perplexity: perplexityCriterion,
  'kl-divergence': klDivergenceCriterion,
  'top1-agreement': top1AgreementCriterion,
};
