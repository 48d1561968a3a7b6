import { expect, test } from 'vitest';
import type { GatePolicy, JudgedText } from '../../src/contracts/gate.js';
import { judgeDegenerateTexts } from '../../src/gate/criteria/degenerate-texts.js';
import type { ComparedArticle } from '../../src/gate/criteria/rule.js';
import { decide } from '../../src/gate/decide.js';

const policy: GatePolicy = {
  metric: 'rouge1',
  margin: { kind: 'points', value: 4 },
  limits: { perplexityIncrease: null, klDivergence: null, top1Agreement: null },
  alpha: 0.05,
  looks: [16],
};
const level = { nominalAlpha: 0.05, spentAlpha: 0.05 };
const judged = (degenerations: JudgedText['degenerations'] = []): JudgedText => ({
  text: '',
  scores: { rouge1: 40, rouge2: 20, rougeL: 30, rougeLsum: 35 },
  degenerations,
});

/** Sixteen articles without a difference, whose engines agree as told. */
const articles = (klDivergence: number, top1Agreement: number, surprise: number): ComparedArticle[] =>
  Array.from({ length: 16 }, (_, row) => ({
    baseline: judged(),
    candidate: judged(),
    difference: 0,
    agreement: {
      row,
      tokens: 50,
      klDivergence: klDivergence * (row % 2 === 0 ? 1.05 : 0.95),
      top1Agreement: top1Agreement * (row % 2 === 0 ? 1.01 : 0.99),
      negativeLogLikelihood: { baseline: 2, candidate: 2 + surprise * (row % 2 === 0 ? 1.1 : 0.9) },
    },
  }));

const outcomes = (limits: Partial<GatePolicy['limits']>, compared: ComparedArticle[]) => {
  const { verdict, criteria } = decide({
    policy: { ...policy, limits: { ...policy.limits, ...limits } },
    look: 1,
    level,
    articles: compared,
  });
  return { verdict, ...Object.fromEntries(criteria.map(({ name, outcome }) => [name, outcome])) };
};

test('decides by margin and degenerate texts alone where no limit is set', () => {
  expect(outcomes({}, articles(9, 0.1, 9))).toEqual({ verdict: 'PASS', margin: 'PASS', 'degenerate-texts': 'PASS' });
});

test.each([
  ['perplexity', { perplexityIncrease: 0.1 }, articles(0, 0.99, 0.02), articles(0, 0.99, 0.3)],
  ['kl-divergence', { klDivergence: 0.05 }, articles(0.01, 0.99, 0), articles(0.2, 0.99, 0)],
  ['top1-agreement', { top1Agreement: 0.9 }, articles(0, 0.97, 0), articles(0, 0.7, 0)],
])('holds %s against its limit', (name, limits, good, bad) => {
  expect(outcomes(limits, good)).toMatchObject({ verdict: 'PASS', margin: 'PASS', [name]: 'PASS' });
  expect(outcomes(limits, bad)).toMatchObject({ verdict: 'FAIL', margin: 'PASS', [name]: 'FAIL' });
});

test('is undecided where one criterion is, and asks for as many articles as the neediest', () => {
  const compared = articles(0.049, 0.99, 0);
  const spread = compared.map((article, index) => ({ ...article, difference: index % 2 === 0 ? 4 : -9 }));
  const decision = decide({
    policy: { ...policy, limits: { ...policy.limits, klDivergence: 0.05 } },
    look: 1,
    level,
    articles: spread,
  });
  const needed = decision.criteria.flatMap(({ articlesToDecide }) => articlesToDecide ?? []);
  expect(decision.verdict).toBe('INCONCLUSIVE');
  expect(needed).toHaveLength(2);
  expect(decision.articlesToDecide).toBe(Math.max(...needed));
});

test('refuses a limit that nothing can be held against', () => {
  const compared = articles(0, 1, 0).map((article) => ({ ...article, agreement: null }));
  expect(() => outcomes({ klDivergence: 0.05 }, compared)).toThrow(
    expect.objectContaining({
      type: 'EvaluationInvalid',
      message: expect.stringContaining('gate.limits.klDivergence'),
    }),
  );
});

const pairs = (candidateOnly: number, baselineOnly: number, both = 0) =>
  Array.from({ length: 16 }, (_, index) => ({
    candidate: index < candidateOnly + both,
    baseline: index >= candidateOnly && index < candidateOnly + both + baselineOnly,
  }));

test.each([
  // P(X ≥ 5 of 5) = 0.03125, P(4 of 4) = 0.0625, P(≥ 7 of 8) = 0.03515625, P(≥ 6 of 8) = 0.14453125
  ['five of the candidate’s', pairs(5, 0), 'FAIL'],
  ['four of the candidate’s', pairs(4, 0), 'PASS'],
  ['seven against one', pairs(7, 1), 'FAIL'],
  ['six against two', pairs(6, 2), 'PASS'],
  ['as many on both sides', pairs(3, 3), 'PASS'],
  ['the same texts on both sides', pairs(0, 0, 16), 'PASS'],
  ['none', pairs(0, 0), 'PASS'],
])('judges degenerate texts by the exact one-sided McNemar test: %s', (_, compared, outcome) => {
  const criterion = judgeDegenerateTexts(compared, 0.05);
  expect(criterion.outcome).toBe(outcome);
  expect(criterion.lowerBound > criterion.limit).toBe(outcome === 'FAIL');
  expect(criterion.lowerBound).toBeLessThanOrEqual(criterion.estimate);
  expect(criterion.upperBound).toBeGreaterThanOrEqual(criterion.estimate);
});

test('bounds the difference of shares by Clopper and Pearson’s interval', () => {
  const { estimate, lowerBound } = judgeDegenerateTexts(pairs(7, 1), 0.05);
  // scipy: binomtest(7, 8, alternative='greater').proportion_ci(0.95).low = 0.52932059
  expect(estimate).toBe(6 / 16);
  expect(lowerBound).toBeCloseTo(((2 * 0.5293205914 - 1) * 8) / 16, 8);
});
