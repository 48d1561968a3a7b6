import { expect, test } from 'vitest';
import { EnginesmithFailure } from '../../src/contracts/failures.js';
import { type DecideInput, decide } from '../../src/gate/non-inferiority.js';

const points = (value: number) => ({ kind: 'points', value }) as const;
const common = { baselineMean: 40, margin: points(4), alpha: 0.05 };

// t(0.95, 15) = 1.753050: with a spread of 4 over 16 articles a bound lies 1.753050 points from the mean
const sixteenWithSpreadFour = (mean: number) => {
  const spread = 4 * Math.sqrt(15 / 16);
  return Array.from({ length: 16 }, (_, index) => mean + (index % 2 === 0 ? spread : -spread));
};

test('passes when the lower one-sided t bound is above the margin', () => {
  const decision = decide({ ...common, differences: sixteenWithSpreadFour(-2) });
  expect(decision).toMatchObject({ verdict: 'PASS', articles: 16, marginPoints: 4 });
  expect(decision.standardDeviation).toBeCloseTo(4, 9);
  expect(decision.lowerBound).toBeCloseTo(-3.75305, 4);
  expect(decision.upperBound).toBeCloseTo(-0.24695, 4);
});

test('fails when the upper bound is below the margin', () => {
  expect(decide({ ...common, differences: sixteenWithSpreadFour(-6) })).toMatchObject({ verdict: 'FAIL' });
});

test('is inconclusive between, and says how many articles would decide', () => {
  const decision = decide({ ...common, differences: sixteenWithSpreadFour(-3) });
  expect(decision.verdict).toBe('INCONCLUSIVE');
  // the first n with t(0.95, n - 1) × 4 / √n < 1: 45 gives 1.0019, 46 gives 0.9905
  expect(decision.articlesToDecide).toBe(46);
});

test('names no number of articles when the mean lies on the margin', () => {
  const decision = decide({ ...common, differences: sixteenWithSpreadFour(-4) });
  expect(decision.verdict).toBe('INCONCLUSIVE');
  expect(decision.articlesToDecide).toBeUndefined();
});

test('takes a margin as a share of the baseline', () => {
  const differences = sixteenWithSpreadFour(-2);
  expect(decide({ ...common, differences, margin: { kind: 'share', value: 0.1 } }).marginPoints).toBeCloseTo(4, 12);
});

test('never fails a candidate that equals its baseline, whose bounds equal the mean', () => {
  const decision = decide({ ...common, differences: [0, 0] });
  expect(decision).toMatchObject({ verdict: 'PASS', lowerBound: 0, upperBound: 0, standardDeviation: 0 });
});

test.each([
  ['one article', { ...common, differences: [1] }],
  ['no article', { ...common, differences: [] }],
  ['a score that is no number', { ...common, differences: [1, Number.NaN] }],
  [
    'a share of a baseline that scores nothing',
    { ...common, differences: [1, 2], baselineMean: 0, margin: { kind: 'share', value: 0.1 } },
  ],
] satisfies [string, DecideInput][])('refuses %s as an evaluation that cannot be compared', (_, input) => {
  expect(() => decide(input)).toThrow(expect.objectContaining({ type: 'EvaluationInvalid' }));
  expect(() => decide(input)).toThrow(EnginesmithFailure);
});

test('holds both error rates at or under 5 % on simulated gates at the edge', () => {
  const random = seededNormal(20240611);
  const gate = (mean: number) =>
    decide({ ...common, differences: Array.from({ length: 16 }, () => mean + 8 * random()) }).verdict;
  const rate = (verdict: string, mean: number) =>
    Array.from({ length: 4000 }, () => gate(mean)).filter((each) => each === verdict).length / 4000;
  // at a true difference of exactly -M each error is 5 %; 1.1 points are three standard errors of 4,000 draws
  expect(rate('PASS', -4)).toBeLessThan(0.061);
  expect(rate('PASS', -4)).toBeGreaterThan(0.039);
  expect(rate('FAIL', 0)).toBeLessThan(0.05);
});

/** Standard normal draws (Box–Muller over mulberry32), so that the simulation is the same everywhere. */
function seededNormal(seed: number): () => number {
  let state = seed;
  const uniform = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}
