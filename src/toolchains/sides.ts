import type { Spec } from '../contracts/spec.js';
import type { StepId } from '../contracts/steps.js';

/** The two sides of the comparison. */
export type Side = 'candidate' | 'baseline';

/** The side that a step works for; what both need is the candidate's. */
export const sideOf = (step: StepId): Side => (step.startsWith('baseline-') ? 'baseline' : 'candidate');

/** The spec as one side builds it: a baseline is not quantized, and may have a parallelism of its own. */
export function specOfSide(spec: Spec, side: Side): Spec {
  if (side === 'candidate') return spec;
  // Attention in FP8 needs FP8 weights: without them the builder drops it, with a warning.
  const { fp8ContextFmha: _, ...build } = spec.build;
  return {
    ...spec,
    build,
    parallelism: spec.gate.baseline.parallelism ?? spec.parallelism,
    quantization: { ...spec.quantization, format: 'none', kvCache: 'none' },
  };
}

/** Ranks, each on a GPU of its own. */
export const worldSizeOf = ({ parallelism: { tensor, pipeline } }: Pick<Spec, 'parallelism'>): number =>
  tensor * pipeline;
