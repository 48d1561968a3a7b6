import type { Spec } from '../contracts/spec.js';
import type { CommandTemplate } from './command.js';
import { type ToolchainRelease, toolPaths } from './releases.js';

/** What the engine's config.json says and the Triton configuration must agree with. */
export interface EngineLimits {
  maxBatchSize: number;
  maxInputTokens: number;
  maxOutputTokens: number;
}

/** Models of the ensemble, in the order in which their templates are filled. */
export const ensembleModels = [
  'preprocessing',
  'postprocessing',
  'tensorrt_llm_bls',
  'ensemble',
  'tensorrt_llm',
] as const;

type EnsembleModel = (typeof ensembleModels)[number];

/** Values for a template's placeholders. `{model}` and `{engine}` stand for directories of the serving host. */
export type TemplateValues = Record<EnsembleModel, Record<string, string>>;

/** Directory of the templates under `opt/ensemble_models`. */
export const ENSEMBLE_TEMPLATE = 'llama_ifb';

/**
 * Values for the v0.10 `inflight_batcher_llm` templates. The attention window is the whole sequence that the engine can
 * hold: a shorter one would cut long requests without a word. `triton_backend` and `tensorrt_llm_model_name` have no
 * default in this release; unfilled, the model does not load and BLS requests fail.
 */
export function templateValues(
  { serving }: Spec,
  { maxBatchSize, maxInputTokens, maxOutputTokens }: EngineLimits,
  { tritonBackend }: Pick<ToolchainRelease, 'tritonBackend'>,
): TemplateValues {
  const batch = { triton_max_batch_size: `${maxBatchSize}` };
  const instances = `${serving.instances}`;
  const flag = (value: boolean): string => (value ? 'True' : 'False');
  return {
    preprocessing: { tokenizer_dir: '{model}', ...batch, preprocessing_instance_count: instances },
    postprocessing: { tokenizer_dir: '{model}', ...batch, postprocessing_instance_count: instances },
    tensorrt_llm_bls: {
      ...batch,
      decoupled_mode: 'True',
      bls_instance_count: instances,
      accumulate_tokens: flag(serving.accumulateTokens),
      tensorrt_llm_model_name: 'tensorrt_llm',
    },
    ensemble: batch,
    tensorrt_llm: {
      triton_backend: tritonBackend,
      ...batch,
      decoupled_mode: 'True',
      max_beam_width: '1',
      engine_dir: '{engine}',
      max_attention_window_size: `${maxInputTokens + maxOutputTokens}`,
      kv_cache_free_gpu_mem_fraction: `${serving.kvCacheFreeGpuMemoryFraction}`,
      exclude_input_in_output: 'True',
      enable_kv_cache_reuse: 'False',
      batching_strategy: 'inflight_fused_batching',
      max_queue_delay_microseconds: `${serving.maxQueueDelayMicroseconds}`,
    },
  };
}

/** `fill_template.py`, once a model of the ensemble, in place on a fresh copy of the templates in `{repository}`. */
export const fillTemplateCommands = (values: TemplateValues): CommandTemplate[] =>
  ensembleModels.map((model) => ({
    program: [
      'python3',
      toolPaths.fillTemplate,
      '-i',
      `{repository}/${model}/config.pbtxt`,
      Object.entries(values[model])
        .map(([key, value]) => `${key}:${value}`)
        .join(','),
    ],
    flags: [],
    unsupported: [],
  }));
