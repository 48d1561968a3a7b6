import type { Spec } from '../../contracts/spec.js';
import type { ModelConfig, ModelShape } from '../model-config.js';
import { calibrates } from '../quantization-formats.js';
import { isFrom } from '../release-order.js';
import type { ToolchainRelease } from '../releases.js';
import { worldSizeOf } from '../sides.js';
import { GIGABYTE } from './gigabytes.js';
import { countParameters } from './parameters.js';
import { engineBytesOfRank, HALF_BYTES, kvBytesPerToken } from './weights.js';

/** CUDA context, cuBLAS workspaces and what the driver keeps; a little more than is usually seen. */
const RUNTIME_BYTES = 1.2 * GIGABYTE;

/** Buffers of NCCL and of custom all-reduce. */
const COMMUNICATION_BYTES = 0.5 * GIGABYTE;

/** Room above the weights for accelerate's placement by whole layers, and for what calibration keeps of each. */
const CALIBRATION_SHARE = 1.1;

export type Sized = Pick<ModelConfig, 'architectures'> & { shape: ModelShape };
type Served = Pick<Spec, 'quantization' | 'parallelism' | 'build' | 'serving'>;

/** Default of `--max_num_tokens` from v0.11 on; before, it is batch × input. */
const DEFAULT_NUM_TOKENS = 8192;

/** Tokens that one step of the engine computes at most. */
export function tokensOfStep({ build }: Pick<Spec, 'build'>, { release }: Pick<ToolchainRelease, 'release'>): number {
  if (build.maxNumTokens !== undefined) return build.maxNumTokens;
  return isFrom(release, 11) ? DEFAULT_NUM_TOKENS : build.maxBatchSize * build.maxInputTokens;
}

/** Tokens of the longest request: what it asks and what is answered. */
export const tokensOfRequest = ({ build }: Pick<Spec, 'build'>): number => build.maxInputTokens + build.maxOutputTokens;

/** GPU memory of one rank that serves, in bytes: an estimate. */
export interface ServingMemory {
  weights: number;
  /** Activations of the largest step, logits of the largest batch, and what the runtime takes. */
  activations: number;
  kvPerToken: number;
}

/**
 * What a rank of an engine takes, from the model's sizes and the engine's limits. Activations are four copies of the hidden
 * state, the projections of attention and three of the MLP for every token of a step, in half precision; TensorRT reuses
 * buffers, so this is rather too much than too little.
 */
export function estimateServing(model: Sized, spec: Served, release: Pick<ToolchainRelease, 'release'>): ServingMemory {
  const { shape } = model;
  const { tensor } = spec.parallelism;
  const perToken =
    4 * shape.hiddenSize +
    (shape.attentionSize + 2 * shape.keyValueHeads * shape.headSize + 3 * shape.intermediateSize) / tensor;
  const logits = spec.build.maxBatchSize * shape.vocabulary * 4;
  const communication = worldSizeOf(spec) === 1 ? 0 : COMMUNICATION_BYTES;
  return {
    weights: engineBytesOfRank(countParameters(model), spec),
    activations: tokensOfStep(spec, release) * perToken * HALF_BYTES + logits + RUNTIME_BYTES + communication,
    kvPerToken: kvBytesPerToken(shape, spec),
  };
}

/** Bytes of a GPU that serves `requests` of the longest kind at once, when the KV cache gets its fraction of what is left. */
export function bytesToServe(
  { weights, activations, kvPerToken }: ServingMemory,
  spec: Served,
  requests: number,
): number {
  const cache = kvPerToken * tokensOfRequest(spec) * requests;
  return weights + activations + cache / spec.serving.kvCacheFreeGpuMemoryFraction;
}

/** Requests of the longest kind that a GPU of this size serves at once, as far as memory says; 0 when not even one fits. */
export function concurrencyOn(memoryBytes: number, memory: ServingMemory, spec: Served): number {
  const free = Math.max(0, memoryBytes - memory.weights - memory.activations);
  const tokens = Math.min(
    (free * spec.serving.kvCacheFreeGpuMemoryFraction) / memory.kvPerToken,
    spec.serving.maxTokensInKvCache ?? Number.POSITIVE_INFINITY,
  );
  return Math.min(spec.build.maxBatchSize, Math.floor(tokens / tokensOfRequest(spec)));
}

/**
 * Memory that each of `quantization.gpus` GPUs needs while quantize.py calibrates: it spreads the unquantized model over all
 * that it sees, in half precision. Where it calibrates it computes the logits of a batch in single precision, on whichever of
 * them holds the output layer.
 */
export function bytesToCalibrate(model: Sized, { quantization }: Pick<Spec, 'quantization'>): number {
  const { maxSequenceTokens = 512, batchSize = 1 } = quantization.calibration ?? {};
  const tokens = calibrates(quantization) ? maxSequenceTokens * batchSize : 0;
  const weights = (countParameters(model).total * HALF_BYTES * CALIBRATION_SHARE) / quantization.gpus;
  return weights + tokens * model.shape.vocabulary * 4 + RUNTIME_BYTES;
}
