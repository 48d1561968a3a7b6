import { computeCapability } from '../gpus.js';
import { calibrates, calibratesWeights, isGrouped } from '../quantization-formats.js';
import { isQuantized } from '../side-commands.js';
import type { SpecRule } from './rule.js';

/** The CPU toolchain has another KV cache and calibrates in seconds: these facts are of the releases. */
const onGpu = (gpuClass: string): boolean => computeCapability(gpuClass) !== null;

/** quantize.py uses no more for AWQ, whatever is asked. */
const AWQ_SAMPLES = 32;

/** ModelOpt's documentation calls 128 to 512 typical. */
const USUAL_SAMPLES = 128;

/** What calibration is for, and when it is for nothing. */
export const calibrationRules: readonly SpecRule[] = [
  {
    code: 'calibration-missing',
    severity: 'error',
    stage: 'spec',
    field: 'quantization.calibration',
    title: 'a format, or a KV cache, that is calibrated, without data',
    why: 'quantize.py would fetch a dataset of its own that nobody has pinned, or fail where the Hub is out of reach.',
    fix: 'name a dataset with the columns of cnn_dailymail',
    source: 'quantize.py, v0.9 to v0.13',
    check: ({ quantization, start }) => {
      const { format, kvCache, calibration } = quantization;
      if (calibration !== undefined || start !== undefined || !calibrates(quantization)) return null;
      return { consequence: `is required by format ${format}${kvCache === 'none' ? '' : ` with KV cache ${kvCache}`}` };
    },
  },
  {
    code: 'calibration-unused',
    severity: 'note',
    stage: 'spec',
    field: 'quantization.calibration',
    title: 'calibration data for a format that is not calibrated',
    why: 'Nothing reads it.',
    fix: 'leave it out',
    source: 'quantize.py, v0.9 to v0.13: int4_wo, int8_wo and full_prec are calibrated for a quantized KV cache only',
    check: ({ quantization }) =>
      quantization.calibration !== undefined && !calibrates(quantization)
        ? {
            consequence: isQuantized(quantization)
              ? `format ${quantization.format} is not calibrated: the dataset is not read`
              : 'nothing is quantized: the dataset is not read',
          }
        : null,
  },
  {
    code: 'calibration-changes-nothing',
    severity: 'warning',
    stage: 'spec',
    field: 'quantization.kvCache',
    title: 'calibration for an FP8 KV cache alone',
    why: 'trtllm-build sets every scale of an FP8 KV cache to 1.0, so the GPU time of the calibration is wasted.',
    fix: 'ask for few samples, as the engine is the same, or use kvCache int8, whose scales are kept',
    source: 'tensorrt_llm/models/modeling_utils.py, preprocess_weights, v0.9 to v0.13',
    check: ({ gpuClass, quantization: { format, kvCache, calibration } }) =>
      onGpu(gpuClass) && kvCache === 'fp8' && !calibratesWeights(format) && (calibration?.samples ?? 0) > 1
        ? {
            consequence:
              `only the scales of the KV cache are calibrated with format ${format}, and trtllm-build sets those of FP8 to 1.0: ` +
              `${calibration?.samples} samples of GPU time change nothing`,
          }
        : null,
  },
  {
    code: 'awq-clamps-samples',
    severity: 'note',
    stage: 'spec',
    field: 'quantization.calibration.samples',
    title: `more than ${AWQ_SAMPLES} samples for AWQ`,
    why: `quantize.py takes ${AWQ_SAMPLES} and prints so; a larger number only makes another key of the same checkpoint.`,
    fix: `ask for ${AWQ_SAMPLES}`,
    source: 'quantize.py, v0.9 to v0.13',
    check: ({ gpuClass, quantization: { format, calibration } }) =>
      onGpu(gpuClass) && isGrouped(format) && (calibration?.samples ?? 0) > AWQ_SAMPLES
        ? { consequence: `${calibration?.samples} samples are asked for, and AWQ takes the first ${AWQ_SAMPLES}` }
        : null,
  },
  {
    code: 'few-calibration-samples',
    severity: 'warning',
    stage: 'spec',
    field: 'quantization.calibration.samples',
    title: `fewer than ${USUAL_SAMPLES} samples for scales that depend on them`,
    why: 'The range of the activations is seen in part: scales are noisy, and quality with them.',
    fix: `ask for ${USUAL_SAMPLES} to 512`,
    source: 'ModelOpt, PyTorch quantization guide: 128 to 512 samples are typical',
    check: ({ gpuClass, quantization: { format, kvCache, calibration } }) => {
      // AWQ takes a few only, whatever is asked.
      const depends = !isGrouped(format) && (calibratesWeights(format) || kvCache === 'int8');
      if (!onGpu(gpuClass) || calibration === undefined || !depends || calibration.samples >= USUAL_SAMPLES)
        return null;
      return { consequence: `${calibration.samples} samples show only part of the activations' range` };
    },
  },
];
