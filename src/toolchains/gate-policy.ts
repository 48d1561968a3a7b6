import type { GatePolicy } from '../contracts/gate.js';
import type { Spec } from '../contracts/spec.js';

/** One-sided error of the gate's decision. */
const ALPHA = 0.05;

/** The policy that a spec's gate block asks for. */
export const gatePolicy = ({
  metric,
  margin: { share, points },
}: Pick<Spec['gate'], 'metric' | 'margin'>): GatePolicy => ({
  metric,
  margin: share === undefined ? { kind: 'points', value: points ?? 0 } : { kind: 'share', value: share },
  alpha: ALPHA,
});
