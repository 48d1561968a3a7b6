import { gigabytes } from '../estimates/gigabytes.js';
import { estimateSteps, totalDisk } from '../estimates/steps.js';
import { computeCapability } from '../gpus.js';
import type { ModelFacts, ModelRule } from './rule.js';

/** The CPU reference's models are small. */
function stepsOf({ config, shape, spec, release }: ModelFacts) {
  if (computeCapability(spec.gpuClass) === null) return null;
  const candidate = { architectures: config.architectures, shape };
  const baseline = spec.gate.baseline.source === 'engine' ? candidate : null;
  return estimateSteps({ candidate, baseline }, spec, release);
}

/** What the host needs beside its GPUs. */
export const hostRules: readonly ModelRule[] = [
  {
    code: 'disk-needed',
    severity: 'note',
    stage: 'model',
    sides: 'candidate',
    field: 'model',
    title: 'what the artifacts of the pipeline take on disk',
    why: 'A disk that is full in the middle of a step costs the step.',
    fix: 'have as much free on the store, and as much again where another pipeline runs beside',
    source: 'sizes in config.json: model, checkpoints and engines of both sides',
    check: (facts) => {
      const steps = stepsOf(facts);
      if (steps === null) return null;
      const parts = steps
        .filter(({ step }) => /download|checkpoint|engine/.test(step))
        .map(({ step, disk }) => `${step} ${gigabytes(disk)}`);
      return { consequence: `the store grows by about ${gigabytes(totalDisk(steps))}: ${parts.join(', ')} (estimate)` };
    },
  },
  {
    code: 'host-memory-needed',
    severity: 'note',
    stage: 'model',
    sides: 'candidate',
    field: 'quantization.gpus',
    title: 'what calibration, export and build take of host memory',
    why: 'The kernel kills what is out of memory, without a word but "Killed", after the calibration.',
    fix: 'have as much, or swap; fewer build.workers take less',
    source: 'sizes in config.json; TensorRT-LLM issues 1331 (more than 210 GB for 70 B parameters), 445 and 743',
    check: (facts) => {
      const steps = stepsOf(facts);
      if (steps === null) return null;
      const parts = steps
        .filter(({ step }) => /checkpoint|engine/.test(step))
        .map(({ step, host }) => `${step} ${gigabytes(host)}`);
      return { consequence: `host memory at its peak is about ${parts.join(', ')} (estimate)` };
    },
  },
];
