import { EnginesmithFailure } from '../../contracts/failures.js';
import type { Finding } from '../../contracts/finding.js';
import type { Spec, SpecInput } from '../../contracts/spec.js';
import { checkModel } from '../check-model.js';
import { GIGABYTE } from '../estimates/gigabytes.js';
import { concurrencyOn, estimateServing } from '../estimates/gpu-memory.js';
import { estimateSteps, type StepEstimate, totalDisk } from '../estimates/steps.js';
import { lintSpec } from '../lint/lint.js';
import { findRelease } from '../releases.js';
import { choicesOf } from './choices.js';
import { draftInput } from './draft.js';
import { whatIsMissing } from './missing.js';
import type { AdviceRequest, Choice } from './request.js';
import { search } from './search.js';

/** A spec that is legal and fits, why it is as it is, and what it takes. */
export interface Advice {
  /** As it is written: without what is a default. */
  input: SpecInput;
  spec: Spec;
  choices: Choice[];
  estimate: {
    /** In bytes, as all that follows. */
    steps: StepEstimate[];
    disk: number;
    serving: { weights: number; activations: number; kvCache: number };
    /** Requests of the longest kind at once, as far as memory says. */
    concurrency: number;
  };
  /** What lint says of it: no errors. */
  findings: Finding[];
}

/**
 * Proposes a spec for a model and a kind of GPU.
 * @throws EnginesmithFailure `InvalidSpec` when nothing fits, saying what is missing
 */
export function advise(request: AdviceRequest): Advice {
  const proposal = search(request);
  if (proposal === null) {
    const [reason = '', ways = ''] = whatIsMissing(request);
    throw new EnginesmithFailure('InvalidSpec', `Nothing that can be proposed fits: ${reason}. ${ways}.`, {
      context: { repository: request.repository, gpu: request.gpu.name, gpus: request.gpus },
    });
  }
  const { spec, choices } = proposal;
  const release = findRelease(request.toolchain);
  const serving = estimateServing(request.config, spec, release);
  const memory = request.gpu.memoryGb * GIGABYTE;
  const free = Math.max(0, memory - serving.weights - serving.activations);
  const hasBaseline = spec.gate.baseline.source === 'engine';
  const steps = estimateSteps(
    { candidate: request.config, baseline: hasBaseline ? request.config : null },
    spec,
    release,
  );
  return {
    input: draftInput(request, choices),
    spec,
    choices: choicesOf(request, proposal),
    estimate: {
      steps,
      disk: totalDisk(steps),
      serving: {
        weights: serving.weights,
        activations: serving.activations,
        kvCache: free * spec.serving.kvCacheFreeGpuMemoryFraction,
      },
      concurrency: concurrencyOn(memory, serving, spec),
    },
    findings: [
      ...lintSpec(spec),
      ...checkModel(spec, 'candidate', request.config),
      ...(hasBaseline ? checkModel(spec, 'baseline', request.config) : []),
    ],
  };
}
