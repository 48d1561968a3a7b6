import { tokensOfRequest } from '../estimates/gpu-memory.js';
import { computeCapability } from '../gpus.js';
import { isFrom } from '../release-order.js';
import type { ModelRule, SpecRule } from './rule.js';

/** Default of `--max_num_tokens` from v0.11 on. */
const DEFAULT_NUM_TOKENS = 8192;

/** More than any step gains by: GPUs are busy with some thousand tokens. */
const MANY_NUM_TOKENS = 32_768;

/** Lengths and batches that must fit each other. */
export const lengthRules: readonly SpecRule[] = [
  {
    code: 'kv-cache-below-longest-request',
    severity: 'warning',
    stage: 'spec',
    field: 'serving.maxTokensInKvCache',
    title: 'a KV cache that cannot hold one request of the longest kind',
    why: 'Such a request is refused, or waits for ever, though the engine was built for it.',
    fix: 'leave it out, so that the cache takes its share of the memory, or build for shorter requests',
    source: 'the KV cache manager, v0.9 to v0.13',
    check: (spec) => {
      const { maxTokensInKvCache: tokens } = spec.serving;
      if (tokens === undefined || tokens >= tokensOfRequest(spec)) return null;
      return {
        consequence: `${tokens} tokens do not hold one request of build.maxInputTokens + build.maxOutputTokens = ${tokensOfRequest(spec)}: it never runs`,
      };
    },
  },
  {
    code: 'kv-cache-below-batch',
    severity: 'note',
    stage: 'spec',
    field: 'serving.maxTokensInKvCache',
    title: 'a KV cache that cannot hold a full batch of the longest requests',
    why: 'Long requests wait for each other, and the batch that the engine was built for is not reached.',
    fix: 'count on it, or leave it out',
    source: 'the KV cache manager, v0.9 to v0.13',
    check: (spec) => {
      const { maxTokensInKvCache: tokens } = spec.serving;
      const { maxBatchSize } = spec.build;
      const longest = tokensOfRequest(spec);
      if (tokens === undefined || tokens < longest || tokens >= longest * maxBatchSize) return null;
      return {
        consequence: `${tokens} tokens hold ${Math.floor(tokens / longest)} of the longest requests at once; build.maxBatchSize is ${maxBatchSize}`,
      };
    },
  },
  {
    code: 'attention-window-below-sequence',
    severity: 'warning',
    stage: 'spec',
    field: 'serving.maxAttentionWindowTokens',
    title: 'an attention window that is shorter than the sequences that the engine takes',
    why: 'Longer requests forget their beginning without a word, also of models that were not made for a window.',
    fix: 'leave it out: the window is then the whole sequence',
    source: 'max_attention_window_size of the tensorrt_llm model, v0.9 to v0.13',
    check: (spec) => {
      const { maxAttentionWindowTokens: tokens } = spec.serving;
      if (tokens === undefined || tokens >= tokensOfRequest(spec)) return null;
      return {
        consequence: `requests of up to ${tokensOfRequest(spec)} tokens are taken, and attention looks back ${tokens}: longer ones forget their beginning`,
      };
    },
  },
  {
    code: 'num-tokens-below-input',
    severity: 'warning',
    stage: 'spec',
    field: 'build.maxNumTokens',
    title: 'fewer tokens a step than the longest prompt has, without chunked context',
    why: 'A prompt is read in one step, so a longer one never fits: it is refused.',
    fix: 'raise it to build.maxInputTokens, or set serving.chunkedContext and build.pagedContextFmha true',
    source: `the batch scheduler, v0.9 to v0.13; the default is ${DEFAULT_NUM_TOKENS} from v0.11 on`,
    check: ({ build, serving, gpuClass }, { release }) => {
      const isDefault = computeCapability(gpuClass) !== null && isFrom(release, 11);
      const tokens = build.maxNumTokens ?? (isDefault ? DEFAULT_NUM_TOKENS : null);
      if (tokens === null || serving.chunkedContext || tokens >= build.maxInputTokens) return null;
      const said = build.maxNumTokens === undefined ? `is ${tokens} by default in ${release}` : `is ${tokens}`;
      return {
        consequence: `${said}, fewer than the ${build.maxInputTokens} of build.maxInputTokens: longer prompts are refused`,
      };
    },
  },
  {
    code: 'num-tokens-large-by-default',
    severity: 'warning',
    stage: 'spec',
    field: 'build.maxNumTokens',
    title: `more than ${MANY_NUM_TOKENS} tokens a step, because nothing was said and the release multiplies batch and input`,
    why: 'Memory for activations is reserved for all of them, and the KV cache gets what is left.',
    fix: `set it to ${DEFAULT_NUM_TOKENS}, the default of later releases, or to what a step is to compute at most`,
    source: 'trtllm-build, v0.9 and v0.10: max_num_tokens is max_batch_size × max_input_len where it is not given',
    check: ({ build, gpuClass }, { release }) => {
      const tokens = build.maxBatchSize * build.maxInputTokens;
      if (build.maxNumTokens !== undefined || computeCapability(gpuClass) === null || isFrom(release, 11)) return null;
      if (tokens <= MANY_NUM_TOKENS) return null;
      return {
        consequence: `${release} takes build.maxBatchSize × build.maxInputTokens = ${tokens}: activations get memory for all of them at once`,
      };
    },
  },
  {
    code: 'num-tokens-below-batch',
    severity: 'warning',
    stage: 'spec',
    field: 'build.maxNumTokens',
    title: 'fewer tokens a step than the batch has requests',
    why: 'While they generate, each request adds a token to a step: the batch is never full.',
    fix: 'raise it to build.maxBatchSize × build.maxBeamWidth at least',
    source: 'the batch scheduler, v0.9 to v0.13',
    check: ({ build: { maxNumTokens, maxBatchSize, maxBeamWidth = 1 } }) =>
      maxNumTokens !== undefined && maxNumTokens < maxBatchSize * maxBeamWidth
        ? {
            consequence: `${maxNumTokens} tokens a step cannot hold one for each of ${maxBatchSize * maxBeamWidth} sequences`,
          }
        : null,
  },
  {
    code: 'opt-num-tokens-above-maximum',
    severity: 'error',
    stage: 'spec',
    field: 'build.optNumTokens',
    title: 'kernels tuned for more tokens than a step may have',
    why: 'TensorRT refuses a profile whose optimum is above its maximum: the build fails.',
    fix: 'use at most build.maxNumTokens',
    source: 'TensorRT optimization profiles',
    check: ({ build: { optNumTokens, maxNumTokens } }) =>
      optNumTokens !== undefined && maxNumTokens !== undefined && optNumTokens > maxNumTokens
        ? { consequence: `${optNumTokens} is more than build.maxNumTokens ${maxNumTokens}` }
        : null,
  },
  {
    code: 'multiple-profiles-with-opt-num-tokens',
    severity: 'error',
    stage: 'spec',
    field: 'build.optNumTokens',
    title: 'tuning for one number of tokens, and for several',
    why: 'trtllm-build raises RuntimeError.',
    fix: 'leave one of them out',
    source: 'tensorrt_llm/builder.py, v0.9 to v0.13',
    check: ({ build: { optNumTokens, multipleProfiles } }) =>
      optNumTokens !== undefined && multipleProfiles === true
        ? { consequence: 'cannot be set beside build.multipleProfiles: the build raises RuntimeError' }
        : null,
  },
  {
    code: 'weight-only-for-large-batches',
    severity: 'note',
    stage: 'spec',
    field: 'quantization.format',
    title: 'weights alone quantized, in an engine for large batches',
    why: 'Small batches wait for memory, which smaller weights relieve; large ones compute, in half precision as before.',
    fix: 'consider fp8 from sm89 on, else int8_sq',
    source: 'ModelOpt, choosing quantization methods: batches of 16 and more',
    check: ({ quantization: { format }, build: { maxBatchSize }, gpuClass }) =>
      computeCapability(gpuClass) !== null && ['int4_awq', 'int4_wo', 'int8_wo'].includes(format) && maxBatchSize >= 16
        ? { consequence: `${format} computes in half precision, which bounds batches of ${maxBatchSize}` }
        : null,
  },
];

/** Lengths against what the model was made for. */
export const positionRules: readonly ModelRule[] = [
  {
    code: 'gate-beyond-positions',
    severity: 'error',
    stage: 'model',
    sides: 'candidate',
    field: 'gate.maxInputTokens',
    title: 'articles and summaries that are longer than the positions that the model was made for',
    why: 'Both sides would answer nonsense, and the verdict would say nothing.',
    fix: 'ask shorter texts',
    source: 'max_position_embeddings and rope_scaling in config.json',
    check: ({ shape: { positions }, spec: { gate } }) =>
      positions === null || gate.maxInputTokens + gate.maxOutputTokens <= positions
        ? null
        : {
            consequence:
              `${gate.maxInputTokens} and gate.maxOutputTokens ${gate.maxOutputTokens} are more than the ${positions} positions that the model ` +
              'was made for, so the verdict would say nothing',
            fix: `at most ${Math.max(0, positions - gate.maxOutputTokens)}`,
          },
  },
  {
    code: 'lengths-beyond-positions',
    severity: 'warning',
    stage: 'model',
    sides: 'candidate',
    field: 'build.maxInputTokens',
    title: 'an engine for longer requests than the model was made for',
    why: 'v0.10 builds it without a word, and later releases warn: requests that use it all get worse answers.',
    fix: 'build for shorter requests',
    source: 'max_position_embeddings and rope_scaling in config.json',
    check: ({ shape: { positions }, spec: { build } }) =>
      positions === null || build.maxInputTokens + build.maxOutputTokens <= positions
        ? null
        : {
            consequence:
              `${build.maxInputTokens} and build.maxOutputTokens ${build.maxOutputTokens} are more than the ${positions} positions ` +
              'that the model was made for: requests that use them all get answers of a lower quality',
          },
  },
];
