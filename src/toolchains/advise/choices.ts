import { GIGABYTE, gigabytes } from '../estimates/gigabytes.js';
import { bytesToCalibrate } from '../estimates/gpu-memory.js';
import { isGrouped } from '../quantization-formats.js';
import type { AdviceRequest, Choice } from './request.js';
import type { Proposal } from './search.js';

const degreesOf = ({ tensor, pipeline }: { tensor: number; pipeline: number }): string =>
  `tensor ${tensor}, pipeline ${pipeline}`;

/** Every choice of a proposal, with the rule that made it. */
export function choicesOf(request: AdviceRequest, { spec, rules, choices }: Proposal): Choice[] {
  const { quantization, build, gate, parallelism } = spec;
  const gpu = `${request.gpu.name}, ${gigabytes(request.gpu.memoryGb * GIGABYTE)}`;
  const isAsked = request.inputTokens !== undefined || request.outputTokens !== undefined;
  const { baseline } = gate;
  return [
    { field: 'quantization.format', value: quantization.format, ...reasonOf(rules.format) },
    { field: 'quantization.kvCache', value: quantization.kvCache, ...reasonOf(rules.kvCache) },
    ...(isGrouped(quantization.format)
      ? [
          {
            field: 'quantization.awqBlockSize',
            value: `${quantization.awqBlockSize}`,
            rule: 'awq-block-divides',
            because: `the largest block with a kernel that divides every weight of a rank at tensor ${parallelism.tensor}`,
            source: 'TensorRT-LLM issue 2445',
          },
        ]
      : []),
    {
      field: 'quantization.gpus',
      value: `${quantization.gpus}`,
      rule: 'calibration-by-memory',
      because: `quantize.py spreads the unquantized model over its GPUs: about ${gigabytes(bytesToCalibrate(request.config, spec))} on each (${gpu})`,
      source: 'quantize.py, v0.9 to v0.13: device_map auto',
    },
    { field: 'parallelism', value: degreesOf(parallelism), ...reasonOf(rules.parallelism) },
    { field: 'build.maxBatchSize', value: `${build.maxBatchSize}`, ...reasonOf(rules.batch) },
    {
      field: 'build.maxInputTokens',
      value: `${build.maxInputTokens} + ${build.maxOutputTokens}`,
      rule: isAsked ? 'asked' : 'lengths-usual',
      because: isAsked ? 'it was asked for' : 'usual lengths, as far as the positions of the model go',
      source: isAsked ? '--input-len, --output-len' : 'max_position_embeddings in config.json',
    },
    ...(build.maxNumTokens === undefined
      ? []
      : [
          {
            field: 'build.maxNumTokens',
            value: `${build.maxNumTokens}`,
            rule: 'tokens-of-a-step',
            because:
              'what the release takes by itself is too little for the longest prompt, or reserves memory for the whole batch',
            source: 'trtllm-build, v0.9 to v0.13',
          },
        ]),
    ...(choices.baseline === undefined
      ? []
      : [
          {
            field: 'gate.baseline',
            value: baseline.parallelism === undefined ? baseline.source : degreesOf(baseline.parallelism),
            rule: baseline.parallelism === undefined ? 'baseline-without-engine' : 'baseline-by-memory',
            because:
              baseline.parallelism === undefined
                ? 'no unquantized engine fits these GPUs, so the model answers without one'
                : 'the fewest GPUs that hold the unquantized engine',
            source: 'the estimate of memory',
          },
        ]),
  ];
}

const reasonOf = ({ rule, because, source }: { rule: string; because: string; source: string }) => ({
  rule,
  because,
  source,
});
