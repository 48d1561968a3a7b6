import quantile from '@stdlib/stats-base-dists-t-quantile';
import { EnginesmithFailure } from '../contracts/failures.js';
import type { Criterion } from '../contracts/gate.js';
import { standardDeviation } from './standard-deviation.js';

/** Beyond this many articles "how many would decide" has no practical meaning. */
const mostArticles = 1_000_000;

export interface MeanRule {
  name: Criterion['name'];
  unit: string;
  /** One measurement an article. */
  values: readonly number[];
  limit: number;
  good: Criterion['good'];
  /** One-sided error of each bound. */
  alpha: number;
}

interface Sample {
  articles: number;
  mean: number;
  standardDeviation: number;
  skewness: number;
}

function describe(values: readonly number[]): Sample {
  const articles = values.length;
  if (articles < 2 || !values.every(Number.isFinite)) {
    throw new EnginesmithFailure(
      'EvaluationInvalid',
      `Expected the measurements of at least two articles, each a finite number, found ${articles} articles. One article ` +
        'says nothing about the spread: evaluate more.',
      { context: { articles } },
    );
  }
  const mean = values.reduce((total, value) => total + value, 0) / articles;
  const cubes = values.reduce((total, value) => total + (value - mean) ** 3, 0);
  const deviation = standardDeviation(values);
  const skewed = articles > 2 && deviation > 0;
  // the adjusted Fisher–Pearson coefficient: the plain one is too small in few articles
  const skewness = skewed ? (cubes * articles) / ((articles - 1) * (articles - 2) * deviation ** 3) : 0;
  return { articles, mean, standardDeviation: deviation, skewness };
}

/**
 * How far the bounds of a mean lie from it, in standard deviations. The one that FAIL rests on is Student's. The one that
 * PASS rests on is Student's too, widened where the sample leans to the bad side: a few articles that lose much, beside many
 * that lose nothing, make Student's bound promise too much (Johnson, Modified t Tests for Asymmetrical Populations, JASA
 * 1978). As few articles hide such skewness, two standard errors of it are held in reserve.
 */
function boundDistances({ articles, skewness }: Sample, good: Criterion['good'], alpha: number) {
  const student = quantile(1 - alpha, articles - 1);
  const towardsBad = (good === 'above' ? -skewness : skewness) + 2 * Math.sqrt(6 / articles);
  const lean = Math.max(0, towardsBad * (2 * student ** 2 + 1)) / (6 * Math.sqrt(articles));
  return { toFail: student / Math.sqrt(articles), toPass: (student + lean) / Math.sqrt(articles) };
}

/** The fewest articles whose bound would clear the limit if mean, spread and skewness stay, by bisection: bounds shrink. */
function articlesToDecide(sample: Sample, { limit, good, alpha }: MeanRule): number | undefined {
  const verdict = sample.mean > limit === (good === 'above') ? 'toPass' : 'toFail';
  const decides = (articles: number) =>
    boundDistances({ ...sample, articles }, good, alpha)[verdict] * sample.standardDeviation <
    Math.abs(sample.mean - limit);
  if (!decides(mostArticles)) return undefined;
  let tooFew = sample.articles;
  let enough = mostArticles;
  while (enough - tooFew > 1) {
    const middle = Math.floor((tooFew + enough) / 2);
    if (decides(middle)) enough = middle;
    else tooFew = middle;
  }
  return enough;
}

/**
 * Holds a mean over articles against a limit: PASS where its whole interval lies on the good side, FAIL where it lies on
 * the other one, else INCONCLUSIVE.
 *
 * @throws EvaluationInvalid when there are fewer than two measurements, or one is not finite
 */
export function judgeMean(rule: MeanRule): Criterion {
  const { name, unit, good, limit } = rule;
  const sample = describe(rule.values);
  const { articles, mean, standardDeviation } = sample;
  const { toPass, toFail } = boundDistances(sample, good, rule.alpha);
  const [below, above] = good === 'above' ? [toPass, toFail] : [toFail, toPass];
  const lowerBound = mean - below * standardDeviation;
  const upperBound = mean + above * standardDeviation;
  const measured = { name, unit, good, estimate: mean, lowerBound, upperBound, limit, articles, standardDeviation };
  if (lowerBound > limit) return { ...measured, outcome: good === 'above' ? 'PASS' : 'FAIL' };
  if (upperBound < limit) return { ...measured, outcome: good === 'below' ? 'PASS' : 'FAIL' };
  const needed = articlesToDecide(sample, rule);
  return { ...measured, outcome: 'INCONCLUSIVE', ...(needed === undefined ? {} : { articlesToDecide: needed }) };
}
