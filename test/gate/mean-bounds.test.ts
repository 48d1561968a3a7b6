import { expect, test } from 'vitest';
import { EnginesmithFailure } from '../../src/contracts/failures.js';
import { judgeMargin } from '../../src/gate/criteria/margin.js';
import { judgeMean } from '../../src/gate/mean-bounds.js';

const rule = { name: 'margin', unit: 'points', limit: -4, good: 'above', alpha: 0.05 } as const;

// t(0.95, 15) = 1.753050: with a spread of 4 over 16 articles Student's bound lies 1.753050 points from the mean. Without
// skewness, the reserve of two standard errors, 2√(6/16), adds 0.365002 to the bound that PASS rests on
const sixteenWithSpreadFour = (mean: number) => {
  const spread = 4 * Math.sqrt(15 / 16);
  return Array.from({ length: 16 }, (_, index) => mean + (index % 2 === 0 ? spread : -spread));
};

test('passes when the bound that the good side rests on clears the limit', () => {
  const judged = judgeMean({ ...rule, values: sixteenWithSpreadFour(-1.5) });
  expect(judged).toMatchObject({ outcome: 'PASS', articles: 16, limit: -4 });
  expect(judged.standardDeviation).toBeCloseTo(4, 9);
  expect(judged.lowerBound).toBeCloseTo(-1.5 - 1.75305 - 0.365, 3);
  expect(judged.upperBound).toBeCloseTo(-1.5 + 1.75305, 4);
});

test('fails when Student’s bound lies on the other side', () => {
  expect(judgeMean({ ...rule, values: sixteenWithSpreadFour(-6) })).toMatchObject({ outcome: 'FAIL' });
  expect(judgeMean({ ...rule, values: sixteenWithSpreadFour(-5.7) })).toMatchObject({ outcome: 'INCONCLUSIVE' });
});

test('turns around where low values are good', () => {
  const below = { ...rule, good: 'below', limit: 4 } as const;
  const judged = judgeMean({ ...below, values: sixteenWithSpreadFour(1.5) });
  expect(judged).toMatchObject({ outcome: 'PASS' });
  expect(judged.upperBound).toBeCloseTo(1.5 + 1.75305 + 0.365, 3);
  expect(judged.lowerBound).toBeCloseTo(1.5 - 1.75305, 4);
  expect(judgeMean({ ...below, values: sixteenWithSpreadFour(6) }).outcome).toBe('FAIL');
});

test('widens the bound where a few articles lose much and the others nothing', () => {
  const values = [0, 0, 0, 2.1, -11.5, 0, -6.4, 0, -5.3, -0.7, 0, 0, 0, 0, 0, -3];
  const judged = judgeMean({ ...rule, limit: -3.6, values });
  // skewness −2.012429 (scipy, bias=False); Student's bound would be −3.0545 and pass
  expect(judged.lowerBound).toBeCloseTo(-3.8817, 3);
  expect(judged.upperBound).toBeCloseTo(-0.0455, 3);
  expect(judged.outcome).toBe('INCONCLUSIVE');
});

test('says how many articles would decide, by the bound of the side that the mean lies on', () => {
  const towardsFail = judgeMean({ ...rule, values: sixteenWithSpreadFour(-5) });
  // the first n with t(0.95, n - 1) × 4 / √n < 1: 45 gives 1.0019, 46 gives 0.9905
  expect(towardsFail.articlesToDecide).toBe(46);
  const towardsPass = judgeMean({ ...rule, values: sixteenWithSpreadFour(-3) });
  expect(towardsPass.articlesToDecide).toBeGreaterThan(46);
});

test('names no number of articles when the mean lies on the limit', () => {
  const judged = judgeMean({ ...rule, values: sixteenWithSpreadFour(-4) });
  expect(judged.outcome).toBe('INCONCLUSIVE');
  expect(judged).not.toHaveProperty('articlesToDecide');
});

test('takes a margin as a share of the baseline', () => {
  const input = { differences: sixteenWithSpreadFour(0), baselineMean: 40, alpha: 0.05 };
  expect(judgeMargin({ ...input, margin: { kind: 'share', value: 0.1 } }).limit).toBeCloseTo(-4, 12);
  expect(judgeMargin({ ...input, margin: { kind: 'points', value: 3 } }).limit).toBe(-3);
});

test.each([
  ['one article', [1], 40],
  ['no article', [], 40],
  ['a score that is no number', [1, Number.NaN], 40],
  ['a share of a baseline that scores nothing', [1, 2], 0],
])('refuses %s as an evaluation that cannot be compared', (_, differences, baselineMean) => {
  const judge = () => judgeMargin({ differences, baselineMean, margin: { kind: 'share', value: 0.1 }, alpha: 0.05 });
  expect(judge).toThrow(expect.objectContaining({ type: 'EvaluationInvalid' }));
  expect(judge).toThrow(EnginesmithFailure);
});
