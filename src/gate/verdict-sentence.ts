import type { GateEvidence } from '../contracts/gate.js';

/** ROUGE points with an explicit sign and one decimal; a difference that rounds to nothing has none. */
export function signedPoints(value: number): string {
  const rounded = Math.abs(value).toFixed(1);
  if (rounded === '0.0') return rounded;
  return `${value < 0 ? '−' : '+'}${rounded}`;
}

/** The verdict in one plain sentence with the numbers that decided. */
export function verdictSentence({ decision, policy }: Pick<GateEvidence, 'decision' | 'policy'>): string {
  const { verdict, articles, articlesToDecide } = decision;
  const difference = `${policy.metric} differs by ${signedPoints(decision.meanDifference)} points over ${articles} articles`;
  const margin = `the margin of ${signedPoints(-decision.marginPoints)}`;
  const confidence = `at ${Number((100 * (1 - policy.alpha)).toFixed(2))} % confidence`;
  if (verdict === 'PASS') {
    return `${difference}; its lower bound ${confidence}, ${signedPoints(decision.lowerBound)}, is above ${margin}.`;
  }
  if (verdict === 'FAIL') {
    return `${difference}; its upper bound ${confidence}, ${signedPoints(decision.upperBound)}, is below ${margin}.`;
  }
  const needed =
    articlesToDecide === undefined
      ? 'No practical number of articles would decide.'
      : `About ${articlesToDecide} articles would decide, if mean and spread stay as they are.`;
  const bounds = `between ${signedPoints(decision.lowerBound)} and ${signedPoints(decision.upperBound)}`;
  return `${difference}; ${confidence} it lies ${bounds}, on both sides of ${margin}. ${needed}`;
}
