import { expect, test } from 'vitest';
import type { GatePolicy } from '../../src/contracts/gate.js';
import { spendAlpha } from '../../src/gate/alpha-spending.js';
import type { SeededRandom } from '../support/seeded-random.js';
import {
  bell,
  fewLoseMuch,
  heavyTails,
  marginPoints,
  type SimulatedModel,
  simulateGates,
  unchanged,
} from '../support/simulated-gates.js';

const gates = 2000;
const alpha = 0.05;
/** Three standard errors above 5 %: what a rate of exactly 5 % exceeds in one of 700 simulations. */
const most = alpha + 3 * Math.sqrt((alpha * (1 - alpha)) / gates);

const policy: GatePolicy = {
  metric: 'rougeLsum',
  margin: { kind: 'share', value: 0.1 },
  limits: { perplexityIncrease: 0.2, klDivergence: 0.1, top1Agreement: 0.85 },
  alpha,
  looks: [16, 32, 64],
};

/** Positive and skewed, as divergences are, with a mean of 1. */
const divergence = ({ uniform }: SeededRandom) => -(Math.log(1 - uniform()) + Math.log(1 - uniform())) / 2;

/** Engines that agree well within the limits, so that nothing but the texts decides. */
const agreeing: SimulatedModel['agreement'] = (random) => ({
  klDivergence: 0.01 * divergence(random),
  top1Agreement: 0.97 + 0.01 * random.uniform(),
  negativeLogLikelihood: { baseline: 2, candidate: 2.01 + 0.01 * random.normal() },
});

const shapes = [
  ['a bell of 3.6 points', bell(3.6)],
  ['a bell of 8 points', bell(8)],
  ['heavy tails', heavyTails],
  ['a third of the texts unchanged', unchanged(1 / 3, 9)],
  ['half of the texts unchanged', unchanged(0.5, 8)],
  ['a fifth of the texts that lose much', fewLoseMuch],
] as const;

test.each(shapes)('passes a model worse by exactly M once in twenty at most: %s', (_, shape) => {
  const model = { policy, shape, difference: -marginPoints, degenerate: 0.02, agreement: agreeing };
  const { PASS } = simulateGates(model, { gates, seed: 2024 });
  expect(PASS).toBeLessThan(most);
  expect(PASS).toBeGreaterThan(0.01);
});

test.each(shapes)('fails an equal model once in twenty at most, and decides most gates: %s', (_, shape) => {
  const model = { policy, shape, difference: 0, degenerate: 0.1, agreement: agreeing };
  const { FAIL, PASS } = simulateGates(model, { gates, seed: 2024 });
  expect(FAIL).toBeLessThan(most);
  expect(PASS).toBeGreaterThan(0.9);
});

test('passes a model that just breaks a limit once in twenty at most', () => {
  const agreement: SimulatedModel['agreement'] = (random) => ({
    ...agreeing(random),
    klDivergence: 0.1 * divergence(random),
  });
  const { PASS } = simulateGates({ policy, shape: bell(3.6), difference: 0, agreement }, { gates, seed: 2024 });
  expect(PASS).toBeLessThan(most);
  expect(PASS).toBeGreaterThan(0.01);
});

test('would err too often if every look spent all of it', () => {
  const levels = spendAlpha(policy).map((level) => ({ ...level, nominalAlpha: alpha }));
  const model = { policy, shape: bell(3.6), difference: -marginPoints, degenerate: 0.02, agreement: agreeing };
  expect(simulateGates(model, { gates, seed: 2024, levels }).PASS).toBeGreaterThan(most);
});
