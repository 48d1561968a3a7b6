import binomial from '@stdlib/stats-base-dists-binomial-cdf';
import type { Criterion } from '../../contracts/gate.js';
import type { Look } from './rule.js';

/** Chance of `successes` or more of `trials`. */
const atLeast = (successes: number, trials: number, chance: number) =>
  successes === 0 ? 1 : 1 - binomial(successes - 1, trials, chance);

/** The chance at which `successes` or more of `trials` happen with probability α (Clopper and Pearson's lower bound). */
function lowerChance(successes: number, trials: number, alpha: number): number {
  if (successes === 0) return 0;
  let low = 0;
  let high = 1;
  for (let halving = 0; halving < 50; halving += 1) {
    const middle = (low + high) / 2;
    if (atLeast(successes, trials, middle) < alpha) low = middle;
    else high = middle;
  }
  return low;
}

/** Whether each side's text of an article is degenerate. */
export interface DegeneratePair {
  baseline: boolean;
  candidate: boolean;
}

/**
 * Whether the candidate's texts are degenerate more often than its baseline's, by the exact one-sided McNemar test: of the
 * articles where just one side is, how likely are so many of the candidate's if either side were as likely? FAIL where
 * that is below α, else PASS: a few faults may be chance, and more articles are no demand of this test.
 *
 * The estimate is the difference of both shares of texts. Its bounds hold the number of such articles fixed and take the
 * candidate's part of them from Clopper and Pearson's interval, so that the lower one is above 0 just when the test fails.
 */
export function judgeDegenerateTexts(pairs: readonly DegeneratePair[], alpha: number): Criterion {
  const articles = pairs.length;
  const candidateOnly = pairs.filter(({ baseline, candidate }) => candidate && !baseline).length;
  const baselineOnly = pairs.filter(({ baseline, candidate }) => baseline && !candidate).length;
  const discordant = candidateOnly + baselineOnly;
  const share = (chance: number) => (discordant === 0 ? 0 : ((2 * chance - 1) * discordant) / articles);
  const fails = discordant > 0 && atLeast(candidateOnly, discordant, 0.5) < alpha;
  return {
    name: 'degenerate-texts',
    outcome: fails ? 'FAIL' : 'PASS',
    unit: 'share of texts',
    good: 'below',
    estimate: articles === 0 ? 0 : (candidateOnly - baselineOnly) / articles,
    lowerBound: share(lowerChance(candidateOnly, discordant, alpha)),
    upperBound: share(1 - lowerChance(baselineOnly, discordant, alpha)),
    limit: 0,
    articles,
  };
}

/** The row of the gate: always there, and any detector counts. */
export function degenerateTextsCriterion({ nominalAlpha, articles }: Look): Criterion {
  const pairs = articles.map(({ baseline, candidate }) => ({
    baseline: baseline.degenerations.length > 0,
    candidate: candidate.degenerations.length > 0,
  }));
  return judgeDegenerateTexts(pairs, nominalAlpha);
}
