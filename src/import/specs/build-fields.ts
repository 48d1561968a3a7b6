import { buildLimits, buildOptions } from '../../contracts/spec-fields.js';
import type { Engine } from '../course.js';
import { asNumber, type Doubt, readField } from '../doubts.js';
import { type Finding, finding } from '../findings.js';
import type { GivenFlag } from '../parse-arguments.js';
import { given, type SpecValue } from './draft.js';

/** Fields of `build` beside its limits, by the flag of trtllm-build that they come from. */
export const optionFields: Readonly<Record<string, keyof typeof buildOptions>> = {
  '--max_beam_width': 'maxBeamWidth',
  '--max_num_tokens': 'maxNumTokens',
  '--opt_num_tokens': 'optNumTokens',
  '--tokens_per_block': 'tokensPerBlock',
  '--context_fmha': 'contextFmha',
  '--use_paged_context_fmha': 'pagedContextFmha',
  '--use_fp8_context_fmha': 'fp8ContextFmha',
  '--context_fmha_fp32_acc': 'contextFmhaFp32Accumulation',
  '--use_custom_all_reduce': 'customAllReduce',
  '--multi_block_mode': 'multiBlockMode',
  '--use_fused_mlp': 'fusedMlp',
  '--multiple_profiles': 'multipleProfiles',
  '--reduce_fusion': 'reduceFusion',
  '--strongly_typed': 'stronglyTyped',
  '--gather_context_logits': 'gatherContextLogits',
  '--gather_generation_logits': 'gatherGenerationLogits',
};

/** What Enginesmith asks of every build, and what changes nothing in the engine. */
const asked: Record<string, (value: string, engine: Engine) => boolean> = {
  '--gemm_plugin': (value, { checkpoint }) => value === checkpoint.dtype || value === 'auto',
  '--gpt_attention_plugin': (value, { checkpoint }) => value === checkpoint.dtype || value === 'auto',
  '--paged_kv_cache': (value) => value === 'enable',
  '--kv_cache_type': (value) => value === 'paged',
  '--remove_input_padding': (value) => value === 'enable',
};

const saidElsewhere = new Set([
  '--checkpoint_dir',
  '--output_dir',
  '--workers',
  '--max_batch_size',
  '--max_input_len',
  '--max_output_len',
  '--max_seq_len',
  '--max_prompt_embedding_table_size',
  '--lookup_plugin',
  '--tp_size',
  '--pp_size',
  '--log_level',
  '--profiling_verbosity',
  '--input_timing_cache',
  '--output_timing_cache',
]);

const switched = (text: string): unknown =>
  text === 'enable' || text === 'disable' ? text === 'enable' : asNumber(text);

function optionValue({ flag }: GivenFlag, engine: Engine, doubts: Doubt[]) {
  const [name] = flag.names;
  const key = optionFields[name];
  if (key === undefined) return [];
  if (flag.value.kind === 'nothing') return [[key, true] as const];
  const field = { flag: name, path: ['build', key], schema: buildOptions[key], instead: 'it is left out' };
  const value = readField<number | boolean>(engine.tool, field, switched, doubts);
  return [[key, value] as const];
}

/** The spec's `build`: its limits, and each option that the script names. */
export function buildFields(engine: Engine): { value: SpecValue; doubts: readonly Doubt[] } {
  const { tool, maxBatchSize, maxInputTokens, maxOutputTokens } = engine;
  const doubts: Doubt[] = [];
  const options = [...tool.given.values()].flatMap((found) => optionValue(found, engine, doubts));
  const lookup = tool.given.get('--lookup_plugin')?.values[0]?.text;
  const field = {
    flag: '--workers',
    path: ['build', 'workers'],
    schema: buildLimits.workers,
    instead: '1 is written',
  };
  const workers = readField<number>(tool, field, asNumber, doubts) ?? 1;
  const value = given({
    maxBatchSize,
    maxInputTokens,
    maxOutputTokens,
    workers: workers > 1 ? workers : undefined,
    ...Object.fromEntries(options),
    lookupPlugin: lookup === undefined || lookup === null ? undefined : lookup !== 'disable',
  });
  return { value, doubts };
}

/** Flags of trtllm-build that no field of a spec says. */
export const buildFindings = (engine: Engine): Finding[] =>
  [...engine.tool.given.values()].flatMap(({ flag, spelling, values, line }) => {
    const [name] = flag.names;
    const text = values[0]?.text ?? '';
    if (engine.tool.problems.some(({ field }) => field === spelling)) return [];
    const isSaid = saidElsewhere.has(name) || name in optionFields || text === flag.default;
    if (isSaid || (asked[name]?.(text, engine) ?? false)) return [];
    return [
      finding('flag-without-field', {
        line,
        field: spelling,
        message: `no field of a spec says ${spelling}${text === '' ? '' : ` ${text}`}; it is left out`,
        fix: 'Check that the engine does without it.',
      }),
    ];
  });
