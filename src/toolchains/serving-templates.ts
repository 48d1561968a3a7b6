import type { Spec } from '../contracts/spec.js';
import { type SpecProblem, specFailure } from '../contracts/spec-problems.js';
import type { CommandTemplate } from './command.js';
import type { ReleaseNumber } from './contracts/contracts.js';
import { type EnsembleModel, ensembleModels, placeholdersOf, releasesWith } from './contracts/templates.js';
import { type ToolchainRelease, toolPaths } from './releases.js';

/** What the engine's config.json says and the Triton configuration must agree with. */
export interface EngineLimits {
  maxBatchSize: number;
  maxInputTokens: number;
  maxOutputTokens: number;
}

/** Values for a template's placeholders. `{model}` and `{engine}` stand for directories of the serving host. */
export type TemplateValues = Record<EnsembleModel, Record<string, string>>;

export { ensembleModels };

/** Directory of the templates under `opt/ensemble_models`. */
export const ENSEMBLE_TEMPLATE = 'llama_ifb';

/** What is to stand in a template. */
interface WantedValue {
  key: string;
  value: string;
  /** Field of the spec that asks for it; null where a release whose template has no such placeholder does so by itself. */
  field: string | null;
}

const flag = (value: boolean): string => (value ? 'True' : 'False');

const wanted = (key: string, value: string | number, field: string | null = null): WantedValue => ({
  key,
  value: `${value}`,
  field,
});

/** Only where the spec says something: what is left over stands for the release's default. */
const ifAsked = (key: string, value: string | number | undefined, field: string): WantedValue[] =>
  value === undefined ? [] : [wanted(key, value, field)];

/** For the releases whose templates have it; those before have a flag of trtllm-build. */
const atRunTime = (key: string, value: boolean | undefined): WantedValue[] =>
  value === undefined ? [] : [wanted(key, flag(value))];

/**
 * However many instances the spec asks for: the ensemble hands each token of a stream to whichever is free, and two of them
 * answer in either order. tensorrtllm_backend issue 614; the smoke test saw it on the CPU.
 */
export const POSTPROCESSING_INSTANCES = 1;

/**
 * The values of every release; each takes those that its templates have. The attention window is the whole sequence that
 * the engine can hold unless the spec says less: a shorter one cuts long requests without a word. A queue of size 0 has no
 * limit, as before v0.12.
 */
function wantedValues(
  { serving, build }: Spec,
  { maxBatchSize, maxInputTokens, maxOutputTokens }: EngineLimits,
  tritonBackend: ToolchainRelease['tritonBackend'],
): Record<EnsembleModel, WantedValue[]> {
  const batch = wanted('triton_max_batch_size', maxBatchSize);
  const tokenizer = wanted('tokenizer_dir', '{model}');
  const decoupled = wanted('decoupled_mode', flag(true));
  const instances = (key: string): WantedValue => wanted(key, serving.instances, 'serving.instances');
  return {
    // Left open, it is off in v0.9 and v0.10 and on from v0.11; the engine was evaluated with it.
    preprocessing: [
      tokenizer,
      batch,
      instances('preprocessing_instance_count'),
      wanted('add_special_tokens', flag(true)),
    ],
    postprocessing: [
      tokenizer,
      batch,
      wanted('postprocessing_instance_count', POSTPROCESSING_INSTANCES),
      wanted('skip_special_tokens', flag(true)),
    ],
    tensorrt_llm_bls: [
      batch,
      decoupled,
      instances('bls_instance_count'),
      wanted('accumulate_tokens', flag(serving.accumulateTokens), 'serving.accumulateTokens'),
      wanted('tensorrt_llm_model_name', 'tensorrt_llm'),
    ],
    ensemble: [batch],
    tensorrt_llm: [
      // v0.9.0 has this backend and no choice.
      wanted('triton_backend', tritonBackend, tritonBackend === 'tensorrtllm' ? null : 'toolchain'),
      batch,
      decoupled,
      wanted('max_beam_width', 1),
      wanted('engine_dir', '{engine}'),
      wanted(
        'max_attention_window_size',
        serving.maxAttentionWindowTokens ?? maxInputTokens + maxOutputTokens,
        serving.maxAttentionWindowTokens === undefined ? null : 'serving.maxAttentionWindowTokens',
      ),
      wanted(
        'kv_cache_free_gpu_mem_fraction',
        serving.kvCacheFreeGpuMemoryFraction,
        'serving.kvCacheFreeGpuMemoryFraction',
      ),
      wanted('exclude_input_in_output', flag(true)),
      wanted('enable_kv_cache_reuse', flag(serving.kvCacheReuse), serving.kvCacheReuse ? 'serving.kvCacheReuse' : null),
      wanted('batching_strategy', 'inflight_fused_batching'),
      wanted('max_queue_delay_microseconds', serving.maxQueueDelayMicroseconds, 'serving.maxQueueDelayMicroseconds'),
      wanted('max_queue_size', 0),
      ...ifAsked('enable_chunked_context', serving.chunkedContext ? flag(true) : undefined, 'serving.chunkedContext'),
      ...ifAsked('max_tokens_in_paged_kv_cache', serving.maxTokensInKvCache, 'serving.maxTokensInKvCache'),
      ...ifAsked('batch_scheduler_policy', serving.schedulerPolicy, 'serving.schedulerPolicy'),
      // Chosen at run time from v0.12 on; before it, trtllm-build is asked.
      ...atRunTime('multi_block_mode', build.multiBlockMode),
      ...atRunTime('enable_context_fmha_fp32_acc', build.contextFmhaFp32Accumulation),
    ],
  };
}

/**
 * Why a value cannot be put into a template; null when it can. fill_template.py splits its argument at `,` and each part
 * at `:`, and has no escape in v0.9 to v0.13; a quote or a backslash would end or change the text in config.pbtxt.
 */
export function unfillable(value: string): string | null {
  if (value === '') return 'is empty';
  const found = /[:,"\\\p{Cc}]/u.exec(value)?.[0];
  if (found === undefined) return null;
  return `holds ${JSON.stringify(found)}, which ${/[:,]/.test(found) ? 'fill_template.py' : 'config.pbtxt'} cannot take`;
}

function problemOf({ key, value, field }: WantedValue, model: EnsembleModel, release: ReleaseNumber): string | null {
  if (placeholdersOf(release, model).has(key)) {
    const reason = unfillable(value);
    return reason === null ? null : `${JSON.stringify(value)} for ${key} of ${model}/config.pbtxt ${reason}`;
  }
  if (field === null) return null;
  const others = releasesWith(key, model).join(', ');
  return `${model}/config.pbtxt of ${release} has no ${key} that could be ${value}; use a release that has one: ${others}`;
}

/**
 * Values for a release's `inflight_batcher_llm` templates: all that must be filled, and what the spec asks.
 * @throws EnginesmithFailure `InvalidSpec` with every field whose value the templates have no place for, or cannot take
 */
export function templateValues(
  spec: Spec,
  limits: EngineLimits,
  { name, release, tritonBackend }: Pick<ToolchainRelease, 'name' | 'release' | 'tritonBackend'>,
): TemplateValues {
  const values = wantedValues(spec, limits, tritonBackend);
  const problems = ensembleModels.flatMap((model) =>
    values[model].flatMap((value): SpecProblem[] => {
      const problem = problemOf(value, model, release);
      return problem === null ? [] : [{ field: value.field ?? 'toolchain', problem }];
    }),
  );
  if (problems.length > 0) {
    throw specFailure('InvalidSpec', `The spec "${spec.name}" cannot be served by toolchain ${name}:`, problems, {
      context: { name: spec.name },
    });
  }
  const of = (model: EnsembleModel): Record<string, string> => {
    const placeholders = placeholdersOf(release, model);
    return Object.fromEntries(
      values[model].filter(({ key }) => placeholders.has(key)).map(({ key, value }) => [key, value]),
    );
  };
  return {
    preprocessing: of('preprocessing'),
    postprocessing: of('postprocessing'),
    tensorrt_llm_bls: of('tensorrt_llm_bls'),
    ensemble: of('ensemble'),
    tensorrt_llm: of('tensorrt_llm'),
  };
}

/** A fresh copy of the templates, as filling one is not idempotent; by a program, as they may lie in an image. */
export const copyTemplatesCommand = (template: string): CommandTemplate => ({
  program: ['cp', '-R', `${toolPaths.ensembleTemplates}/${template}`, '{repository}'],
  flags: [],
  unsupported: [],
});

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
