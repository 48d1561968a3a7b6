import type { Spec } from '../../contracts/spec.js';
import type { ModelShape } from '../model-config.js';
import type { ParameterCounts } from './parameters.js';

type Format = Spec['quantization']['format'];

/** float16 and bfloat16. */
export const HALF_BYTES = 2;

/** Bytes of a quantized weight in the engine; AWQ adds a scale of two bytes a block. */
function bytesPerWeight({ format, awqBlockSize }: Pick<Spec['quantization'], 'format' | 'awqBlockSize'>): number {
  const scale = HALF_BYTES / awqBlockSize;
  const bytes: Record<Format, number> = {
    none: HALF_BYTES,
    fp8: 1,
    int8_sq: 1,
    int8_wo: 1,
    int4_wo: 0.5,
    int4_awq: 0.5 + scale,
    int4_gptq: 0.5 + scale,
    w4a8_awq: 0.5 + scale,
  };
  return bytes[format];
}

/** Weight-only checkpoints stay as large as the model: the weights shrink when the engine is built (v0.9 to v0.13). */
const isQuantizedAtBuild = (format: Format): boolean => format === 'int4_wo' || format === 'int8_wo';

type Built = Pick<Spec, 'quantization' | 'parallelism'>;

/**
 * Bytes of the weights that the heaviest rank of an engine holds. The embedding is not split between ranks; norms are copied.
 * Embedding and output layer stay unquantized.
 */
export function engineBytesOfRank({ embedding, head, linear, other }: ParameterCounts, spec: Built): number {
  const { tensor, pipeline } = spec.parallelism;
  const layers = (linear * bytesPerWeight(spec.quantization)) / (tensor * pipeline) + (other * HALF_BYTES) / pipeline;
  const ends = [embedding * HALF_BYTES, (head * HALF_BYTES) / tensor];
  return layers + (pipeline === 1 ? ends.reduce((sum, bytes) => sum + bytes, 0) : Math.max(...ends));
}

/** Bytes of all ranks of a checkpoint: each rank's file has its own copy of the embedding. */
export function checkpointBytes({ embedding, head, linear, other }: ParameterCounts, spec: Built): number {
  const { quantization, parallelism } = spec;
  const perWeight = isQuantizedAtBuild(quantization.format) ? HALF_BYTES : bytesPerWeight(quantization);
  return linear * perWeight + (embedding * parallelism.tensor + head + other * parallelism.tensor) * HALF_BYTES;
}

/** Bytes of all ranks of an engine. */
export function engineBytes({ embedding, head, linear, other }: ParameterCounts, spec: Built): number {
  const { quantization, parallelism } = spec;
  return (
    linear * bytesPerWeight(quantization) +
    (embedding * parallelism.tensor + head + other * parallelism.tensor) * HALF_BYTES
  );
}

/** Bytes that one token takes in the KV cache of one rank. Fewer heads than ranks are copied (v0.9 to v0.13). */
export function kvBytesPerToken({ layers, keyValueHeads, headSize }: ModelShape, spec: Built): number {
  const { tensor, pipeline } = spec.parallelism;
  const bytes = spec.quantization.kvCache === 'none' ? HALF_BYTES : 1;
  return 2 * Math.ceil(layers / pipeline) * Math.max(1, keyValueHeads / tensor) * headSize * bytes;
}
