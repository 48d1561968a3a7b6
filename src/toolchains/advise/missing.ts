import { GIGABYTE, gigabytes } from '../estimates/gigabytes.js';
import { countParameters } from '../estimates/parameters.js';
import { HALF_BYTES } from '../estimates/weights.js';
import { lintSpec } from '../lint/lint.js';
import { lacksFlag } from '../lint/toolchain.js';
import { findRelease } from '../releases.js';
import { draftSpec } from './draft.js';
import type { AdviceRequest } from './request.js';
import { calibrationGpusOf, lengthsOf, search } from './search.js';

/** As hosts and clusters have them. */
const NUMBERS_OF_GPUS = [2, 4, 8, 16, 32, 64];

/** The smallest usual number of GPUs on which the request fits. */
function gpusThatFit(request: AdviceRequest): number | null {
  const { maximumWorldSize } = findRelease(request.toolchain);
  const more = NUMBERS_OF_GPUS.filter((gpus) => gpus > request.gpus && gpus <= maximumWorldSize);
  return more.find((gpus) => search({ ...request, gpus }) !== null) ?? null;
}

/** Tokens of the longest input that fits, by halving; the output keeps its share. */
function lengthsThatFit(request: AdviceRequest): { input: number; output: number } | null {
  let { input, output } = lengthsOf(request);
  const positions = request.config.shape.positions ?? Number.POSITIVE_INFINITY;
  while (input > 1) {
    input = Math.floor(input / 2);
    output = Math.max(1, Math.floor(output / 2));
    if (input + output > positions) continue;
    if (search({ ...request, inputTokens: input, outputTokens: output }) !== null) return { input, output };
  }
  return null;
}

function batchThatFits(request: AdviceRequest): number | null {
  for (let batch = Math.floor((request.batch ?? 1) / 2); batch >= 1; batch = Math.floor(batch / 2)) {
    if (search({ ...request, batch }) !== null) return batch;
  }
  return null;
}

/** Why nothing that lint accepts fits, and what would. */
export function whatIsMissing(request: AdviceRequest): string[] {
  const { gpu, gpus, config } = request;
  const lengths = lengthsOf(request);
  const probe = draftSpec(request, {
    format: 'int8_wo',
    kvCache: 'none',
    awqBlockSize: 128,
    parallelism: { tensor: 1, pipeline: 1 },
    calibrationGpus: 1,
    baseline: undefined,
    batch: request.batch ?? 1,
    lengths,
  });
  // More GPUs, or shorter requests, are no help to a release that cannot do what every proposal asks.
  const lacking = lintSpec(probe).find(({ code }) => code === lacksFlag.code);
  if (lacking !== undefined) return [lacking.consequence, lacking.fix];
  const model = gigabytes(countParameters(config).total * HALF_BYTES);
  const host = `${gpus} × ${gpu.name} with ${gigabytes(gpu.memoryGb * GIGABYTE)}`;
  const reason =
    calibrationGpusOf(request, probe) === null
      ? `quantize.py needs the whole unquantized model, ${model}, in GPU memory: ${host} cannot hold it`
      : `no format leaves room for ${request.batch ?? 1} requests of ${lengths.input} + ${lengths.output} tokens on ${host}`;
  const moreGpus = gpusThatFit(request);
  const batch = batchThatFits(request);
  const shorter = lengthsThatFit(request);
  const ways = [
    ...(moreGpus === null ? [] : [`--gpus ${moreGpus}`]),
    ...(batch === null ? [] : [`--batch ${batch}`]),
    ...(shorter === null ? [] : [`--input-len ${shorter.input} --output-len ${shorter.output}`]),
  ];
  return [
    `${reason} (estimate)`,
    ways.length === 0
      ? 'Nothing fits on more GPUs of this kind, with a smaller batch or with shorter requests: use larger GPUs, or another toolchain'
      : `Fits with ${ways.join(', or ')}`,
  ];
}
