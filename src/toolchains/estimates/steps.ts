import type { Spec } from '../../contracts/spec.js';
import type { ToolchainRelease } from '../releases.js';
import { isQuantized } from '../side-commands.js';
import { specOfSide, worldSizeOf } from '../sides.js';
import { GIGABYTE } from './gigabytes.js';
import { bytesToCalibrate, bytesToServe, estimateServing, type Sized } from './gpu-memory.js';
import { countParameters } from './parameters.js';
import { checkpointBytes, engineBytes, HALF_BYTES } from './weights.js';

/** What one step needs, in bytes: an estimate from the model's sizes. */
export interface StepEstimate {
  step: string;
  /** What it leaves in the artifact store. */
  disk: number;
  /** Largest resident memory of its programs on the host. */
  host: number;
  gpus: number;
  /** Of each GPU. */
  gpuMemory: number;
}

/** A Python process with torch and TensorRT loaded. */
const PROCESS_BYTES = 8 * GIGABYTE;

/**
 * Host memory of calibration and export over the model in half precision: NVIDIA saw a peak of more than 210 GB for a model of
 * 70 B parameters, 140 GB (TensorRT-LLM issue 1331).
 */
const EXPORT_SHARE = 1.5;

/** A rank of the checkpoint, TensorRT's copy of it, and the engine before it is written. */
const BUILD_COPIES = 3;

/** Evaluations, datasets and logs: some MB, rounded up. */
const SMALL_BYTES = GIGABYTE;

/** What each step of a pipeline needs, in the pipeline's order. */
export function estimateSteps(
  models: { candidate: Sized; baseline: Sized | null },
  spec: Spec,
  release: Pick<ToolchainRelease, 'release'>,
): StepEstimate[] {
  const candidate = countParameters(models.candidate);
  const inHalf = candidate.total * HALF_BYTES;
  const download = { step: 'download', disk: inHalf, host: GIGABYTE, gpus: 0, gpuMemory: 0 };

  const sides = (['candidate', 'baseline'] as const).flatMap((side): StepEstimate[] => {
    const model = models[side];
    if (model === null) return [];
    const counts = countParameters(model);
    const own = specOfSide(spec, side);
    const prefix = side === 'candidate' ? '' : 'baseline-';
    const ranks = worldSizeOf(own);
    const workers = Math.min(own.build.workers, ranks);
    const quantizes = isQuantized(own.quantization);
    const checkpoint = checkpointBytes(counts, own);
    const serving = estimateServing(model, own, release);
    return [
      {
        step: `${prefix}checkpoint`,
        disk: checkpoint,
        host: counts.total * HALF_BYTES * (quantizes ? EXPORT_SHARE : 2) + PROCESS_BYTES,
        gpus: quantizes ? own.quantization.gpus : 0,
        gpuMemory: quantizes ? bytesToCalibrate(model, own) : 0,
      },
      {
        step: `${prefix}engine`,
        disk: engineBytes(counts, own),
        host: workers * ((BUILD_COPIES * checkpoint) / ranks) + PROCESS_BYTES,
        gpus: workers,
        gpuMemory: serving.weights + serving.activations,
      },
      {
        step: `${prefix}evaluation`,
        disk: SMALL_BYTES,
        host: ranks * PROCESS_BYTES,
        gpus: ranks,
        gpuMemory: bytesToServe(serving, own, 1),
      },
    ];
  });

  const serving = estimateServing(models.candidate, spec, release);
  const serve = {
    step: 'promote',
    disk: 0,
    host: worldSizeOf(spec) * PROCESS_BYTES,
    gpus: worldSizeOf(spec),
    gpuMemory: bytesToServe(serving, spec, spec.build.maxBatchSize),
  };
  return [download, ...sides, serve];
}

/** What a pipeline leaves on disk, in bytes. */
export const totalDisk = (steps: readonly StepEstimate[]): number => steps.reduce((total, { disk }) => total + disk, 0);
