import type { KnownEngine } from '../course.js';
import { isGiven, lineOf, type ToolCall } from '../tool-call.js';
import { optionFields } from './build-fields.js';

const checkpointFields = {
  '--qformat': 'quantization.format',
  '--dtype': 'quantization.dtype',
  '--kv_cache_dtype': 'quantization.kvCache',
  '--int8_kv_cache': 'quantization.kvCache',
  '--fp8_kv_cache': 'quantization.kvCache',
  '--awq_block_size': 'quantization.awqBlockSize',
  '--group_size': 'quantization.awqBlockSize',
  '--calib_size': 'quantization.calibration.samples',
  '--calib_dataset': 'quantization.calibration.dataset',
  '--tp_size': 'parallelism.tensor',
  '--pp_size': 'parallelism.pipeline',
};

const engineFields = {
  ...optionFields,
  '--max_batch_size': 'maxBatchSize',
  '--max_input_len': 'maxInputTokens',
  '--max_output_len': 'maxOutputTokens',
  '--max_seq_len': 'maxOutputTokens',
  '--workers': 'workers',
};

const servingFields: Readonly<Record<string, string>> = {
  kv_cache_free_gpu_mem_fraction: 'kvCacheFreeGpuMemoryFraction',
  max_tokens_in_paged_kv_cache: 'maxTokensInKvCache',
  max_attention_window_size: 'maxAttentionWindowTokens',
  enable_kv_cache_reuse: 'kvCacheReuse',
  enable_chunked_context: 'chunkedContext',
  batch_scheduler_policy: 'schedulerPolicy',
  max_queue_delay_microseconds: 'maxQueueDelayMicroseconds',
  accumulate_tokens: 'accumulateTokens',
};

const linesOf = (tool: ToolCall, fields: Readonly<Record<string, string>>, group: string): [string, number][] =>
  Object.entries(fields).flatMap(([flag, field]) =>
    isGiven(tool, flag) ? [[`${group}${field}`, lineOf(tool, flag)]] : [],
  );

/** Lines of the script by the field of the spec that comes from them. */
export const originsOf = ({ tool, checkpoint, served }: KnownEngine): ReadonlyMap<string, number> =>
  new Map([
    ['quantization', checkpoint.tool.call.line],
    ['parallelism', checkpoint.tool.call.line],
    ['model', checkpoint.tool.call.line],
    ['build', tool.call.line],
    ...linesOf(checkpoint.tool, checkpointFields, ''),
    ...linesOf(tool, engineFields, 'build.'),
    ...(served?.fills ?? []).toReversed().flatMap(({ values, line }) =>
      [...values.keys()].flatMap((key): [string, number][] => {
        const field = servingFields[key];
        return field === undefined ? [] : [[`serving.${field}`, line]];
      }),
    ),
  ]);
