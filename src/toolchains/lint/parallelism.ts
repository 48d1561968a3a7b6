import type { Spec } from '../../contracts/spec.js';
import { describeBlockSizes, isLegalBlockSize } from '../awq-blocks.js';
import { isGrouped } from '../quantization-formats.js';
import type { ToolchainRelease } from '../releases.js';
import { isQuantized } from '../side-commands.js';
import { worldSizeOf } from '../sides.js';
import { degrees, divides, legalDegrees } from './divisibility.js';
import type { Hit, ModelRule, SpecRule } from './rule.js';

/** As NVLink joins them. */
const GPUS_OF_A_HOST = 8;

const tooManyRanks = (parallelism: Spec['parallelism'], { name, maximumWorldSize }: ToolchainRelease): Hit | null =>
  worldSizeOf({ parallelism }) <= maximumWorldSize
    ? null
    : {
        consequence: `tensor × pipeline is ${worldSizeOf({ parallelism })}; toolchain ${name} runs at most ${maximumWorldSize}`,
      };

/** Ranks and GPUs, as far as the spec alone says. */
export const parallelismRules: readonly SpecRule[] = [
  {
    code: 'quantize-gpus-above-host',
    severity: 'error',
    stage: 'spec',
    field: 'quantization.gpus',
    title: 'more GPUs for calibration than a host of the toolchain has',
    why: 'No worker can ever lease them: the step would wait for ever.',
    fix: 'ask for fewer',
    source: 'releases.ts, the row of the toolchain',
    check: ({ quantization: { gpus } }, { name, maximumWorldSize }) =>
      gpus <= maximumWorldSize
        ? null
        : { consequence: `${gpus} is more than hosts of toolchain ${name} have`, fix: `at most ${maximumWorldSize}` },
  },
  {
    code: 'quantize-gpus-unused',
    severity: 'note',
    stage: 'spec',
    field: 'quantization.gpus',
    title: 'GPUs for calibration where nothing is quantized',
    why: 'A plain conversion runs on the CPU and leases none.',
    fix: 'leave it out',
    source: 'convert_checkpoint.py, v0.9 to v0.13',
    check: ({ quantization }) =>
      quantization.gpus > 1 && !isQuantized(quantization)
        ? { consequence: `${quantization.gpus} are asked for, but without quantization the conversion leases none` }
        : null,
  },
  {
    code: 'too-many-ranks',
    severity: 'error',
    stage: 'spec',
    field: 'parallelism',
    title: 'more ranks than the toolchain runs',
    why: 'Each rank has a GPU of its own; no host has as many.',
    fix: 'ask for fewer ranks',
    source: 'releases.ts, the row of the toolchain',
    check: ({ parallelism }, release) => tooManyRanks(parallelism, release),
  },
  {
    code: 'ranks-above-usual-host',
    severity: 'warning',
    stage: 'spec',
    field: 'parallelism',
    title: 'more ranks than hosts have GPUs',
    why: 'Ranks of one engine are leased on one host, where NVLink joins 8 GPUs as a rule: nobody may ever serve the queue.',
    fix: `ask for at most ${GPUS_OF_A_HOST}, unless you have such a host`,
    source: 'HGX and DGX systems have 8 GPUs; a rank has a GPU of its own',
    check: (spec, { maximumWorldSize }) =>
      worldSizeOf(spec) > GPUS_OF_A_HOST && worldSizeOf(spec) <= maximumWorldSize && spec.gpuClass !== 'cpu'
        ? { consequence: `${worldSizeOf(spec)} ranks need a host with ${worldSizeOf(spec)} GPUs` }
        : null,
  },
  {
    code: 'baseline-too-many-ranks',
    severity: 'error',
    stage: 'spec',
    field: 'gate.baseline.parallelism',
    title: 'more ranks for the baseline than the toolchain runs',
    why: 'Each rank has a GPU of its own; no host has as many.',
    fix: 'ask for fewer ranks',
    source: 'releases.ts, the row of the toolchain',
    check: ({ gate: { baseline } }, release) =>
      baseline.parallelism !== undefined && baseline.source === 'engine'
        ? tooManyRanks(baseline.parallelism, release)
        : null,
  },
  {
    code: 'build-workers-above-ranks',
    severity: 'note',
    stage: 'spec',
    field: 'build.workers',
    title: 'more builders than the engine has ranks',
    why: 'trtllm-build gives each worker whole ranks; the others have nothing to do, and Enginesmith leases no GPUs for them.',
    fix: 'ask for no more than tensor × pipeline',
    source: 'trtllm-build, v0.9 to v0.13: a worker builds rank by rank',
    check: (spec) =>
      spec.build.workers > worldSizeOf(spec)
        ? {
            consequence: `${spec.build.workers} builders for ${worldSizeOf(spec)} rank${worldSizeOf(spec) === 1 ? '' : 's'}: the others have nothing to do`,
            fix: `at most ${worldSizeOf(spec)}`,
          }
        : null,
  },
  {
    code: 'all-reduce-without-ranks',
    severity: 'note',
    stage: 'spec',
    field: 'build.customAllReduce',
    title: 'options of all-reduce with one tensor rank',
    why: 'One rank reduces nothing: the option changes nothing.',
    fix: 'leave it out',
    source: 'trtllm-build, v0.9 to v0.13: all-reduce is between tensor ranks',
    check: ({ build, parallelism }) =>
      parallelism.tensor > 1
        ? null
        : (['customAllReduce', 'reduceFusion'] as const)
            .filter((option) => build[option] === true)
            .map((option) => ({ field: `build.${option}`, consequence: 'changes nothing with parallelism.tensor 1' })),
  },
];

/** How a model's sizes are shared between ranks. */
export const sharingRules: readonly ModelRule[] = [
  {
    code: 'tensor-does-not-divide',
    severity: 'error',
    stage: 'model',
    sides: 'engine',
    field: 'parallelism.tensor',
    title:
      "a tensor parallelism that does not divide the model's heads and intermediate size, or neither splits nor copies its key-value heads",
    why: 'The converter or the builder fails on an assertion, for a large model after hours of calibration.',
    fix: 'use a degree that divides',
    source: 'convert_checkpoint.py and the attention layer, v0.9 to v0.13',
    check: ({ shape, spec: { parallelism }, release: { maximumWorldSize } }) =>
      divides(shape, parallelism.tensor)
        ? null
        : {
            consequence:
              `${parallelism.tensor} does not divide the model's ${shape.heads} heads, ${shape.keyValueHeads} key-value heads and ` +
              `intermediate size ${shape.intermediateSize}`,
            fix: legalDegrees((degree) => divides(shape, degree), maximumWorldSize),
          },
  },
  {
    code: 'pipeline-does-not-divide',
    severity: 'error',
    stage: 'model',
    sides: 'engine',
    field: 'parallelism.pipeline',
    title: "a pipeline parallelism that does not divide the model's layers",
    why: 'The converter fails on an assertion: stages hold equally many layers.',
    fix: 'use a degree that divides',
    source: 'tensorrt_llm/mapping.py, v0.9 to v0.13',
    check: ({ shape: { layers }, spec: { parallelism }, release: { maximumWorldSize } }) =>
      layers % parallelism.pipeline === 0
        ? null
        : {
            consequence: `${parallelism.pipeline} does not divide the model's ${layers} layers`,
            fix: legalDegrees((degree) => layers % degree === 0, maximumWorldSize),
          },
  },
  {
    code: 'awq-block-does-not-divide',
    severity: 'error',
    stage: 'model',
    sides: 'engine',
    field: 'quantization.awqBlockSize',
    title: "an AWQ block that does not divide a rank's part of a quantized weight, or that has no kernel",
    why: 'The export fails after the whole calibration: (input channels / tensor) must be a multiple of the block.',
    fix: 'use a block or a parallelism that fits',
    source: 'TensorRT-LLM issue 2445; int4 kernels of v0.9 to v0.13 take blocks of 64 and 128',
    check: ({ shape, spec: { quantization, parallelism }, release: { awqBlockSizes } }) => {
      const { format, awqBlockSize } = quantization;
      const { tensor } = parallelism;
      if (!isGrouped(format) || !divides(shape, tensor)) return null;
      if (awqBlockSizes.includes(awqBlockSize) && isLegalBlockSize(shape, tensor, awqBlockSize)) return null;
      const tensors = degrees.filter((degree) => degree < tensor && divides(shape, degree));
      return describeBlockSizes(shape, { asked: awqBlockSize, tensor, tensors, supported: awqBlockSizes });
    },
  },
  {
    code: 'kv-heads-copied',
    severity: 'note',
    stage: 'model',
    sides: 'candidate',
    field: 'parallelism.tensor',
    title: 'more tensor ranks than the model has key-value heads',
    why: 'Each rank keeps a whole head, so the KV cache of a token takes more memory in all, and no less on a GPU.',
    fix: 'count on it, or split into pipeline stages instead',
    source: 'tensorrt_llm/models, v0.9 to v0.13: key-value heads are duplicated',
    check: ({ shape: { keyValueHeads }, spec: { parallelism } }) =>
      parallelism.tensor > keyValueHeads
        ? {
            consequence: `${parallelism.tensor} ranks share ${keyValueHeads} key-value heads: each is kept ${parallelism.tensor / keyValueHeads} times, and the KV cache takes as much more`,
          }
        : null,
  },
];
