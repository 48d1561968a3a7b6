import type { Spec } from '../contracts/spec.js';

type Format = Spec['quantization']['format'];

interface QuantizationFormat {
  /** Whether quantize.py runs calibration data through the model for the weights of this format. */
  calibrates: boolean;
  /** Whether weights have a scale a group of `awqBlockSize` input channels. */
  grouped: boolean;
  /** Whether the model's own quantized weights are converted, into a layout for the GPU that does it. */
  isConverted?: true;
}

/** What each `--qformat` needs (quantize.py, v0.9 to v0.13), and what convert_checkpoint.py takes as it is. */
const formats: Record<Format, QuantizationFormat> = {
  none: { calibrates: false, grouped: false },
  fp8: { calibrates: true, grouped: false },
  int4_awq: { calibrates: true, grouped: true },
  int4_gptq: { calibrates: false, grouped: true, isConverted: true },
  int4_wo: { calibrates: false, grouped: false },
  int8_sq: { calibrates: true, grouped: false },
  int8_wo: { calibrates: false, grouped: false },
  w4a8_awq: { calibrates: true, grouped: true },
};

/** Whether weights that are quantized already are converted, by convert_checkpoint.py on a GPU. */
export const isConverted = (format: Format): boolean => formats[format].isConverted === true;

/** Whether the weights, or the activations between them, are calibrated. */
export const calibratesWeights = (format: Format): boolean => formats[format].calibrates;

/** Whether a quantization reads calibration data: by its format, or for the scales of a quantized KV cache. */
export const calibrates = ({ format, kvCache }: Pick<Spec['quantization'], 'format' | 'kvCache'>): boolean =>
  calibratesWeights(format) || kvCache !== 'none';

/** Whether the format quantizes in groups of `awqBlockSize` input channels. */
export const isGrouped = (format: Format): boolean => formats[format].grouped;
