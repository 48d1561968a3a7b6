import type { ReleaseNumber } from './contracts.js';

/** Models of the `inflight_batcher_llm` repository, in the order in which their templates are filled. */
export const ensembleModels = [
  'preprocessing',
  'postprocessing',
  'tensorrt_llm_bls',
  'ensemble',
  'tensorrt_llm',
] as const;
export type EnsembleModel = (typeof ensembleModels)[number];

/** Placeholders of a config.pbtxt, by name. */
type Placeholders = ReadonlyMap<string, { isRequired: boolean }>;

/**
 * Placeholders of NVIDIA's `inflight_batcher_llm` templates (tensorrtllm_backend at the release's tag): all of v0.9.0's,
 * then what each release changed; `-name` is one that is gone. `name!` must be filled, for one of three reasons:
 * - it stands outside of quotes, so the file is no protobuf text as long as it is there
 * - its model does not load without it: `triton_backend`, `engine_dir`, `batching_strategy`, `tokenizer_dir`
 * - it is taken for a value: through v0.12.0 the BLS model sends requests to a model called `${tensorrt_llm_model_name}`
 *
 * Every other one that is left over stands for its default. `engine_dir` of preprocessing is read only where
 * `visual_model_path` is filled, `participant_ids` only where launch_triton_server.py spawns no processes.
 */
const changes: Record<ReleaseNumber, Partial<Record<EnsembleModel, string>>> = {
  'v0.9.0': {
    preprocessing: 'triton_max_batch_size! preprocessing_instance_count! tokenizer_dir! add_special_tokens',
    postprocessing: 'triton_max_batch_size! postprocessing_instance_count! tokenizer_dir!',
    tensorrt_llm_bls: `
      triton_max_batch_size! decoupled_mode! bls_instance_count! tensorrt_llm_model_name! tensorrt_llm_draft_model_name
      accumulate_tokens`,
    ensemble: 'triton_max_batch_size!',
    tensorrt_llm: `
      triton_max_batch_size! decoupled_mode! max_queue_delay_microseconds! engine_dir! batching_strategy!
      batch_scheduler_policy decoding_mode enable_chunked_context enable_kv_cache_reuse enable_trt_overlap
      exclude_input_in_output gpu_device_ids kv_cache_free_gpu_mem_fraction lora_cache_gpu_memory_fraction
      lora_cache_host_memory_bytes lora_cache_max_adapter_size lora_cache_optimal_adapter_size max_attention_window_size
      max_beam_width max_tokens_in_paged_kv_cache medusa_choices normalize_log_probs`,
  },
  'v0.10.0': {
    tensorrt_llm: `
      triton_backend! cancellation_check_period_ms gpu_weights_percent iter_stats_max_iterations
      kv_cache_host_memory_bytes kv_cache_onboard_blocks request_stats_max_iterations sink_token_length
      stats_check_period_ms -enable_trt_overlap`,
  },
  'v0.11.0': { postprocessing: 'skip_special_tokens', tensorrt_llm: 'encoder_engine_dir' },
  'v0.12.0': {
    preprocessing: 'engine_dir visual_model_path',
    tensorrt_llm: 'max_queue_size! enable_context_fmha_fp32_acc multi_block_mode',
  },
  'v0.13.0': {
    tensorrt_llm_bls: 'tensorrt_llm_model_name multimodal_encoders_name',
    tensorrt_llm: 'participant_ids',
  },
};

const isRelease = (name: string): name is ReleaseNumber => name in changes;
const releaseNumbers = Object.keys(changes).filter(isRelease);

/** Placeholders of a model's template in a release. */
export function placeholdersOf(release: ReleaseNumber, model: EnsembleModel): Placeholders {
  const placeholders = new Map<string, { isRequired: boolean }>();
  const until = releaseNumbers.slice(0, releaseNumbers.indexOf(release) + 1);
  for (const word of until.flatMap((name) => changes[name][model]?.match(/\S+/g) ?? [])) {
    if (word.startsWith('-')) placeholders.delete(word.slice(1));
    else placeholders.set(word.replace(/!$/, ''), { isRequired: word.endsWith('!') });
  }
  return placeholders;
}

/** Releases whose template of a model has a placeholder, oldest first. */
export const releasesWith = (placeholder: string, model: EnsembleModel): ReleaseNumber[] =>
  releaseNumbers.filter((release) => placeholdersOf(release, model).has(placeholder));
