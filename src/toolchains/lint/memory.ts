import { GIGABYTE, gigabytes } from '../estimates/gigabytes.js';
import {
  bytesToCalibrate,
  bytesToServe,
  concurrencyOn,
  estimateServing,
  tokensOfRequest,
} from '../estimates/gpu-memory.js';
import { gpusOfClass, type KnownGpu } from '../gpus.js';
import { runsQuantize } from '../side-commands.js';
import type { ModelFacts, ModelRule } from './rule.js';

/** Known GPUs of the spec's class; null where none is known, as for the CPU reference. */
function gpusOf({ spec }: ModelFacts): { smallest: KnownGpu; largest: KnownGpu; all: KnownGpu[] } | null {
  const all = gpusOfClass(spec.gpuClass);
  const [smallest, largest] = [all[0], all.at(-1)];
  return smallest === undefined || largest === undefined ? null : { smallest, largest, all };
}

const sizedOf = ({ config, shape }: ModelFacts) => ({ architectures: config.architectures, shape });

const ESTIMATE = "estimated from config.json, the formats and the engine's limits";

const MORE_RANKS_FOR_BASELINE =
  'give the baseline more ranks in gate.baseline.parallelism, or compare with the model itself: source huggingface';

/** Memory of the GPUs. A class says little of it, so what is certain on the largest GPU of the class alone is an error. */
export const memoryRules: readonly ModelRule[] = [
  {
    code: 'weights-exceed-gpu',
    severity: 'error',
    stage: 'model',
    sides: 'engine',
    field: 'parallelism',
    title: "a rank's weights that are larger than any GPU of the class",
    why: 'The engine cannot be loaded on any GPU of the class, whatever the other numbers are.',
    fix: 'use more ranks, or a smaller format',
    fixOfBaseline: MORE_RANKS_FOR_BASELINE,
    source: 'sizes in config.json; gpus.ts, the largest GPU of each class',
    check: (facts) => {
      const gpus = gpusOf(facts);
      if (gpus === null) return null;
      const { weights } = estimateServing(sizedOf(facts), facts.spec, facts.release);
      const { largest } = gpus;
      if (weights <= largest.memoryGb * GIGABYTE) return null;
      return {
        consequence: `the weights of one rank are ${gigabytes(weights)}; the largest ${largest.class} known has ${largest.memoryGb} GB (${largest.name})`,
      };
    },
  },
  {
    code: 'calibration-exceeds-gpus',
    severity: 'warning',
    stage: 'model',
    sides: 'candidate',
    field: 'quantization.gpus',
    title: 'calibration of a model that is larger than all its GPUs together',
    why: 'What does not fit is moved to host memory, layer by layer: calibration takes many times as long, or is out of memory.',
    fix: 'lease more GPUs for calibration, over all of which quantize.py spreads the model whatever the parallelism, or take fewer samples at once',
    source: 'quantize.py, v0.9 to v0.13: device_map auto; TensorRT-LLM issues 288 and 1331',
    check: (facts) => {
      const gpus = gpusOf(facts);
      if (gpus === null || !runsQuantize(facts.spec)) return null;
      const needed = bytesToCalibrate(sizedOf(facts), facts.spec);
      const { largest } = gpus;
      if (needed <= largest.memoryGb * GIGABYTE) return null;
      const count = facts.spec.quantization.gpus;
      return {
        consequence: `calibration needs about ${gigabytes(needed)} on each of ${count} GPU${count === 1 ? '' : 's'}; the largest ${largest.class} known has ${largest.memoryGb} GB`,
      };
    },
  },
  {
    code: 'serving-exceeds-gpu',
    severity: 'warning',
    stage: 'model',
    sides: 'engine',
    field: 'build.maxBatchSize',
    title: 'an engine that leaves no room for one request of the longest kind on the largest GPU of the class',
    why: 'Triton starts, and long requests are refused or never run.',
    fix: 'use more ranks, a smaller format, a quantized KV cache, or shorter requests',
    fixOfBaseline: MORE_RANKS_FOR_BASELINE,
    source: `${ESTIMATE}; gpus.ts`,
    check: (facts) => {
      const gpus = gpusOf(facts);
      if (gpus === null) return null;
      const memory = estimateServing(sizedOf(facts), facts.spec, facts.release);
      const { largest } = gpus;
      const bytes = largest.memoryGb * GIGABYTE;
      if (memory.weights > bytes || bytesToServe(memory, facts.spec, 1) <= bytes) return null;
      return {
        field: 'build.maxInputTokens',
        consequence:
          `one request of ${tokensOfRequest(facts.spec)} tokens needs about ${gigabytes(bytesToServe(memory, facts.spec, 1))} a GPU; ` +
          `the largest ${largest.class} known has ${largest.memoryGb} GB (estimate)`,
      };
    },
  },
  {
    code: 'gpu-memory-needed',
    severity: 'note',
    stage: 'model',
    sides: 'candidate',
    field: 'gpuClass',
    title: 'what calibration and serving take of each GPU, and how many of the longest requests run at once',
    why: 'A class says nothing of memory: the same spec serves on one GPU of a class and not on another.',
    fix: 'compare with the GPUs of your hosts',
    source: `${ESTIMATE}; gpus.ts`,
    check: (facts) => {
      const gpus = gpusOf(facts);
      if (gpus === null) return null;
      const { spec, release } = facts;
      const model = sizedOf(facts);
      const memory = estimateServing(model, spec, release);
      const sizes = [...new Set(gpus.all.map(({ memoryGb }) => memoryGb))];
      const runs = sizes.map((size) => `${concurrencyOn(size * GIGABYTE, memory, spec)} on ${size} GB`);
      const calibration = runsQuantize(spec)
        ? `calibration about ${gigabytes(bytesToCalibrate(model, spec))} a GPU; `
        : '';
      return {
        consequence:
          `${calibration}serving about ${gigabytes(memory.weights)} weights and ${gigabytes(memory.activations)} activations a GPU, the rest KV cache: ` +
          `of ${spec.build.maxBatchSize} longest requests run at once ${runs.join(', ')} (estimate)`,
      };
    },
  },
];
