import { expect, test } from 'vitest';
import type { Criterion, GateDecision, GatePolicy } from '../../src/contracts/gate.js';
import { verdictSentence } from '../../src/gate/verdict-sentence.js';

const policy: GatePolicy = {
  metric: 'rougeLsum',
  margin: { kind: 'share', value: 0.1 },
  limits: { perplexityIncrease: 0.1, klDivergence: 0.05, top1Agreement: 0.9 },
  alpha: 0.05,
  looks: [16, 32, 64],
};

const margin: Criterion = {
  name: 'margin',
  outcome: 'PASS',
  unit: 'points',
  good: 'above',
  estimate: 0.2,
  lowerBound: -2.4,
  upperBound: 2.8,
  limit: -3.2,
  articles: 16,
};

const say = (decision: Partial<GateDecision>, change: Partial<GatePolicy> = {}) =>
  verdictSentence({
    policy: { ...policy, ...change },
    decision: {
      verdict: 'PASS',
      look: 1,
      articles: 16,
      nominalAlpha: 0.018,
      spentAlpha: 0.018,
      criteria: [margin],
      ...decision,
    },
  });

const failed = (change: Partial<Criterion>) =>
  say({ verdict: 'FAIL', criteria: [margin, { ...margin, outcome: 'FAIL', good: 'below', ...change }] });

const undecided = { ...margin, outcome: 'INCONCLUSIVE', estimate: -1.9, lowerBound: -5.4, upperBound: 1.6 } as const;

test('says PASS with the margin’s numbers', () => {
  expect(say({})).toBe(
    'rougeLsum differs by +0.2 points over 16 articles (look 1 of 3); its lower bound, −2.4, is above the margin of −3.2.',
  );
  expect(say({}, { looks: [16] })).toBe(
    'rougeLsum differs by +0.2 points over 16 articles; its lower bound, −2.4, is above the margin of −3.2.',
  );
});

test('says FAIL with the numbers of the criterion that failed', () => {
  expect(say({ verdict: 'FAIL', criteria: [{ ...margin, outcome: 'FAIL', estimate: -9, upperBound: -5 }] })).toBe(
    'rougeLsum differs by −9.0 points over 16 articles (look 1 of 3); its upper bound, −5.0, is below the margin of −3.2.',
  );
  const numbers = { estimate: 0.3125, lowerBound: 0.02, upperBound: 0.31, limit: 0 };
  expect(failed({ name: 'degenerate-texts', ...numbers })).toBe(
    'The share of texts that are empty, endless or in another language differs by +31.3 % over 16 articles (look 1 of 3); its lower bound, +2.0 %, is above the limit of 0.0 %.',
  );
  expect(failed({ name: 'perplexity', estimate: Math.log(1.5), lowerBound: Math.log(1.3), limit: Math.log(1.1) })).toBe(
    'The perplexity of the baseline’s texts differs by +50.0 % over 16 articles (look 1 of 3); its lower bound, +30.0 %, is above the limit of +10.0 %.',
  );
  expect(failed({ name: 'kl-divergence', estimate: 0.21, lowerBound: 0.19, limit: 0.05 })).toBe(
    'The KL divergence from the baseline is 0.210 nats a token over 16 articles (look 1 of 3); its lower bound, 0.190, is above the limit of 0.050.',
  );
  expect(failed({ name: 'top1-agreement', good: 'above', estimate: 0.7, upperBound: 0.74, limit: 0.9 })).toBe(
    'Both engines find the same next token likeliest at 70.0 % of tokens over 16 articles (look 1 of 3); its upper bound, 74.0 %, is below the limit of 90.0 %.',
  );
});

test('says INCONCLUSIVE with what would decide and what comes next', () => {
  const decision: Partial<GateDecision> = { verdict: 'INCONCLUSIVE', criteria: [undecided], articlesToDecide: 61 };
  const bounds =
    'its bounds, −5.4 and +1.6, each at 95 % confidence over all looks, lie on both sides of the margin of −3.2.';
  const about = 'About 61 articles would decide, if mean and spread stay as they are';
  expect(say(decision)).toBe(
    `rougeLsum differs by −1.9 points over 16 articles (look 1 of 3); ${bounds} ${about}; the next look has 32.`,
  );
  expect(say({ ...decision, look: 3 })).toMatch(`${about}: \`gate.articles\` may be raised.`);
  expect(say({ ...decision, look: 1 }, { looks: [16] })).toContain(', each at 95 % confidence, lie on');
});

test('speaks of the criterion that needs most, and promises nothing where no number would do', () => {
  const needy: Criterion = { ...undecided, name: 'kl-divergence', good: 'below', estimate: 0.05, limit: 0.05 };
  const sentence = say({
    verdict: 'INCONCLUSIVE',
    look: 3,
    criteria: [{ ...undecided, articlesToDecide: 61 }, needy],
  });
  expect(sentence).toMatch(
    /^The KL divergence from the baseline is 0.050 .*No practical number of articles would decide\.$/,
  );
});
