import type { Spec } from '../../contracts/spec.js';
import { computeCapability } from '../gpus.js';
import type { ModelConfig } from '../model-config.js';
import { sideOf, specOfSide } from '../sides.js';
import type { StepPlan } from '../step-plan.js';
import { countParameters } from './parameters.js';
import { checkpointBytes } from './weights.js';

/** Texts, and a log of some megabytes. */
const SMALL_BYTES = 64e6;

/** The reference's engines hold float32 where checkpoints hold float16. */
const REFERENCE_ENGINE_SHARE = 2;

/**
 * What a step that runs a tool writes, in bytes: an estimate, before it runs.
 * @param inputs bytes of the artifacts that it reads, by role
 * @param model of a step that reads one; null where it says too little of its sizes
 */
export function stepDiskBytes(
  { id, activity }: Pick<StepPlan, 'id' | 'activity'>,
  spec: Spec,
  { inputs, model }: { inputs: Readonly<Record<string, number>>; model: ModelConfig | null },
): number {
  if (activity === 'quantize' || activity === 'convert') {
    if (model === null || model.shape === null) return inputs.model ?? 0;
    const counts = countParameters({ architectures: model.architectures, shape: model.shape });
    return checkpointBytes(counts, specOfSide(spec, sideOf(id)));
  }
  if (activity === 'build') {
    // Weights keep their size, or shrink where the format is one of the build.
    const share = computeCapability(spec.gpuClass) === null ? REFERENCE_ENGINE_SHARE : 1;
    return (inputs.checkpoint ?? 0) * share;
  }
  return SMALL_BYTES;
}
