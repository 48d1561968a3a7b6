import { type GatePolicy, marginOf } from '../contracts/gate.js';
import type { Spec } from '../contracts/spec.js';
import { planLooks } from './looks.js';

/** One-sided error of the gate's decision, over all looks together. */
export const GATE_ALPHA = 0.05;

/** The policy that a spec's gate block asks for. */
export function gatePolicy(spec: Pick<Spec, 'gate' | 'build'>): GatePolicy {
  const { metric, limits } = spec.gate;
  return {
    metric,
    margin: marginOf(spec.gate),
    limits: {
      perplexityIncrease: limits.perplexityIncrease ?? null,
      klDivergence: limits.klDivergence ?? null,
      top1Agreement: limits.top1Agreement ?? null,
    },
    alpha: GATE_ALPHA,
    looks: planLooks(spec).map(({ articles }) => articles),
  };
}
