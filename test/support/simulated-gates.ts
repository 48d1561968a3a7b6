import type { ArticleAgreement, GatePolicy, GateVerdict, JudgedText } from '../../src/contracts/gate.js';
import { type SpentAlpha, spendAlpha } from '../../src/gate/alpha-spending.js';
import type { ComparedArticle } from '../../src/gate/criteria/rule.js';
import { decide } from '../../src/gate/decide.js';
import { type SeededRandom, seededRandom } from './seeded-random.js';

/** What a baseline of this mean, in points, and a margin of 10 % allow: the figures of the CPU toolchain's model. */
const baselineMean = 41;
export const marginPoints = 4.1;

/** One difference between a candidate's score and its baseline's, in points, whose expectation is `mean`. */
export type Shape = (mean: number, random: SeededRandom) => number;

/** Scores lie between 0 and 100: what would leave them, far from the mean, is drawn again, the same on both sides. */
function bounded(draw: () => number, farthest: number): number {
  const value = draw();
  return Math.abs(value) <= farthest ? value : bounded(draw, farthest);
}

/** A bell of this standard deviation. */
export const bell =
  (standardDeviation: number): Shape =>
  (mean, { normal }) =>
    mean + standardDeviation * bounded(normal, 4);

/** Student's t with 3 degrees of freedom, scaled to about 8 points: few articles differ by very much, either way. */
export const heavyTails: Shape = (mean, { normal }) =>
  mean + 5 * bounded(() => normal() / Math.sqrt((normal() ** 2 + normal() ** 2 + normal() ** 2) / 3), 8);

/** This share of the texts is the same on both sides; the others carry the whole difference. */
export const unchanged =
  (share: number, standardDeviation: number): Shape =>
  (mean, random) =>
    random.uniform() < share ? 0 : bell(standardDeviation)(mean / (1 - share), random);

/** A fifth of the texts lose far more than the others: skewness −0.9, 8 points of standard deviation. */
export const fewLoseMuch: Shape = (mean, random) =>
  random.uniform() < 0.2 ? bell(7.2)(mean - 11.6, random) : bell(5.05)(mean + 2.9, random);

export interface SimulatedModel {
  policy: GatePolicy;
  shape: Shape;
  /** True mean of candidate − baseline, in points. */
  difference: number;
  /** Chance that a text is degenerate, on either side and independently. @default 0 */
  degenerate?: number;
  /** How both engines agree about an article. @default not compared */
  agreement?: (random: SeededRandom) => Omit<ArticleAgreement, 'row' | 'tokens'>;
}

const drawArticle = ({ policy, shape, difference, degenerate, agreement }: SimulatedModel, random: SeededRandom) => {
  const drawn = shape(difference, random);
  const score = baselineMean + 12 * bounded(random.normal, 3);
  const judged = (points: number): JudgedText => ({
    text: '',
    scores: { rouge1: 0, rouge2: 0, rougeL: 0, rougeLsum: 0, [policy.metric]: points },
    degenerations: degenerate !== undefined && random.uniform() < degenerate ? ['repetition'] : [],
  });
  return {
    baseline: judged(score),
    candidate: judged(score + drawn),
    difference: drawn,
    agreement: agreement === undefined ? null : { row: 0, tokens: 100, ...agreement(random) },
  };
};

function simulateGate(model: SimulatedModel, levels: readonly SpentAlpha[], random: SeededRandom) {
  const { policy } = model;
  const articles: ComparedArticle[] = [];
  let verdict: GateVerdict = 'INCONCLUSIVE';
  for (const [index, level] of levels.entries()) {
    while (articles.length < (policy.looks[index] ?? 0)) articles.push(drawArticle(model, random));
    verdict = decide({ policy, look: index + 1, level, articles }).verdict;
    if (verdict !== 'INCONCLUSIVE') break;
  }
  return { verdict, articles: articles.length };
}

/** Shares of each verdict, and mean articles, over simulated gates that go on to the next look while undecided. */
export function simulateGates(
  model: SimulatedModel,
  { gates, seed, levels = spendAlpha(model.policy) }: { gates: number; seed: number; levels?: SpentAlpha[] },
): Record<GateVerdict | 'articles', number> {
  const random = seededRandom(seed);
  const totals = { PASS: 0, FAIL: 0, INCONCLUSIVE: 0, articles: 0 };
  for (let gate = 0; gate < gates; gate += 1) {
    const { verdict, articles } = simulateGate(model, levels, random);
    totals[verdict] += 1 / gates;
    totals.articles += articles / gates;
  }
  return totals;
}
