import { type Spec, type SpecInput, specSchema } from '../../contracts/spec.js';
import { calibrates, isGrouped } from '../quantization-formats.js';
import { isFrom } from '../release-order.js';
import { findRelease } from '../releases.js';
import type { AdviceRequest } from './request.js';

/** With the columns that calibration and the gate read. */
const DATASET = { repository: 'ccdv/cnn_dailymail' };

/** The default of later releases; before, trtllm-build takes batch × input and reserves memory for all of it. */
const NUM_TOKENS = 8192;

/** AWQ takes no more; the others' scales get better with more. */
const AWQ_SAMPLES = 32;
const SAMPLES = 512;

/** What is free after the weights goes to the KV cache, but for a tenth. */
const KV_CACHE_FRACTION = 0.9;

/** As summarize.py cuts and asks by default. */
const GATE_INPUT_TOKENS = 923;
const GATE_OUTPUT_TOKENS = 100;
const SMOKE_TOKENS = 24;
const SMOKE_STREAMS = 4;

export interface Lengths {
  input: number;
  output: number;
}

export interface DraftChoices {
  format: Spec['quantization']['format'];
  kvCache: Spec['quantization']['kvCache'];
  awqBlockSize: number;
  parallelism: Spec['parallelism'];
  /** GPUs that hold the unquantized model while it is calibrated. */
  calibrationGpus: number;
  baseline: SpecInput['gate']['baseline'];
  batch: number;
  lengths: Lengths;
}

/** The name of a repository as that of a pipeline. */
const pipelineName = (repository: string, { format, kvCache }: DraftChoices): string => {
  const model = repository
    .slice(repository.indexOf('/') + 1)
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '');
  const suffix = format === 'none' ? (kvCache === 'none' ? 'fp16' : `${kvCache}-kv`) : format.replaceAll('_', '-');
  return `${model.slice(0, 62 - suffix.length).replace(/-+$/, '') || 'model'}-${suffix}`;
};

/** Tokens of a step, where the release's own default is too many, or too few for the longest prompt. */
function numTokens(toolchain: string, batch: number, { input }: Lengths): number | undefined {
  const byDefault = isFrom(findRelease(toolchain).release, 11) ? NUM_TOKENS : batch * input;
  const wanted = Math.max(NUM_TOKENS, input, batch);
  return byDefault > wanted || byDefault < Math.max(input, batch) ? wanted : undefined;
}

/** A spec as a person would write it: what is left out is a default. */
export function draftInput(request: AdviceRequest, choices: DraftChoices): SpecInput {
  const { format, kvCache, awqBlockSize, parallelism, calibrationGpus, baseline, batch, lengths } = choices;
  const maxNumTokens = numTokens(request.toolchain, batch, lengths);
  const workers = parallelism.tensor * parallelism.pipeline;
  const positions = request.config.shape.positions ?? Number.POSITIVE_INFINITY;
  const gateOutput = Math.min(GATE_OUTPUT_TOKENS, lengths.output, Math.max(1, positions - 1));
  return {
    apiVersion: 'enginesmith/v1',
    name: pipelineName(request.repository, choices),
    model: { repository: request.repository, revision: request.revision, family: request.family },
    toolchain: request.toolchain,
    gpuClass: request.gpu.class,
    quantization: {
      format,
      kvCache,
      ...(isGrouped(format) ? { awqBlockSize } : {}),
      gpus: calibrationGpus,
      ...(calibrates({ format, kvCache })
        ? { calibration: { dataset: DATASET, samples: isGrouped(format) ? AWQ_SAMPLES : SAMPLES } }
        : {}),
    },
    parallelism,
    build: {
      maxBatchSize: batch,
      maxInputTokens: lengths.input,
      maxOutputTokens: lengths.output,
      ...(maxNumTokens === undefined ? {} : { maxNumTokens }),
      ...(workers === 1 ? {} : { workers }),
    },
    gate: {
      dataset: DATASET,
      maxInputTokens: Math.max(1, Math.min(GATE_INPUT_TOKENS, lengths.input, positions - gateOutput)),
      maxOutputTokens: gateOutput,
      margin: { share: 0.1 },
      ...(baseline === undefined ? {} : { baseline }),
    },
    serving: { kvCacheFreeGpuMemoryFraction: KV_CACHE_FRACTION },
    ...(lengths.output < SMOKE_TOKENS || batch < SMOKE_STREAMS
      ? {
          smoke: {
            maxTokens: Math.min(SMOKE_TOKENS, lengths.output),
            concurrentStreams: Math.min(SMOKE_STREAMS, batch),
          },
        }
      : {}),
  };
}

/** The same with every default filled. */
export const draftSpec = (request: AdviceRequest, choices: DraftChoices): Spec =>
  specSchema.parse(draftInput(request, choices));
