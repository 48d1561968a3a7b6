import { type Criterion, criterionNames, type GateDecision } from '../contracts/gate.js';
import type { SpentAlpha } from './alpha-spending.js';
import type { ComparedArticle, Look } from './criteria/rule.js';
import { criterionRules } from './criteria.js';

export interface DecideInput {
  policy: Look['policy'];
  /** Counted from 1. */
  look: number;
  /** What `spendAlpha` gives this look. */
  level: SpentAlpha;
  articles: readonly ComparedArticle[];
}

/** The most that any undecided criterion needs; undefined where one of them never ends. */
function mostArticlesToDecide(undecided: readonly Criterion[]): number | undefined {
  const needed = undecided.flatMap(({ articlesToDecide }) => articlesToDecide ?? []);
  return needed.length === undecided.length ? Math.max(...needed) : undefined;
}

/**
 * The decision at one look: PASS when every criterion passes, FAIL when one fails, else INCONCLUSIVE. A model that breaks a
 * limit passes at most as often as that one criterion errs, so further criteria make no PASS easier.
 *
 * @throws EvaluationInvalid when a criterion cannot be computed: too few articles, a margin of nothing, no agreements
 */
export function decide({ policy, look, level, articles }: DecideInput): GateDecision {
  const { nominalAlpha } = level;
  const criteria = criterionNames.flatMap((name) => criterionRules[name]({ policy, nominalAlpha, articles }) ?? []);
  const decision = { look, articles: articles.length, ...level, criteria };
  if (criteria.some(({ outcome }) => outcome === 'FAIL')) return { verdict: 'FAIL', ...decision };
  const undecided = criteria.filter(({ outcome }) => outcome === 'INCONCLUSIVE');
  if (undecided.length === 0) return { verdict: 'PASS', ...decision };
  const needed = mostArticlesToDecide(undecided);
  return { verdict: 'INCONCLUSIVE', ...decision, ...(needed === undefined ? {} : { articlesToDecide: needed }) };
}
