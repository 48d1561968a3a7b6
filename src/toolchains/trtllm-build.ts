import type { Spec } from '../contracts/spec.js';
import { type Ask, commandOf, execution, ifAsked, path, semantic } from './ask.js';
import type { CommandTemplate } from './command.js';
import { findRelease } from './releases.js';

type BuiltSpec = Pick<Spec, 'build' | 'quantization' | 'toolchain'>;

/** Options of the spec that have one flag of their own, and are asked for where the spec says something. */
const optionFlags = [
  ['maxBeamWidth', '--max_beam_width'],
  ['maxNumTokens', '--max_num_tokens'],
  ['optNumTokens', '--opt_num_tokens'],
  ['tokensPerBlock', '--tokens_per_block'],
  ['contextFmha', '--context_fmha'],
  ['pagedContextFmha', '--use_paged_context_fmha'],
  ['fp8ContextFmha', '--use_fp8_context_fmha'],
  ['customAllReduce', '--use_custom_all_reduce'],
  ['fusedMlp', '--use_fused_mlp'],
  ['multipleProfiles', '--multiple_profiles'],
  ['reduceFusion', '--reduce_fusion'],
  ['gatherContextLogits', '--gather_context_logits'],
  ['gatherGenerationLogits', '--gather_generation_logits'],
] as const satisfies readonly (readonly [keyof Spec['build'], string])[];

function options({ build, quantization }: BuiltSpec): Ask[] {
  const named = optionFlags.flatMap(([name, flag]) =>
    ifAsked<string | number | boolean>(build[name], (asked) => semantic(flag, asked, { field: `build.${name}` })),
  );
  return [
    ...named,
    // Chosen at run time from v0.12 on: the templates of Triton ask for them.
    ...ifAsked(build.contextFmhaFp32Accumulation, (asked) =>
      semantic('--context_fmha_fp32_acc', asked, { isDefaultWhereGone: true }),
    ),
    ...ifAsked(build.multiBlockMode, (asked) => semantic('--multi_block_mode', asked, { isDefaultWhereGone: true })),
    // Always so from v0.11 on.
    ...ifAsked(build.stronglyTyped, (asked) =>
      semantic('--strongly_typed', asked, { field: 'build.stronglyTyped', isDefaultWhereGone: asked }),
    ),
    ...ifAsked(build.lookupPlugin, (asked) =>
      semantic('--lookup_plugin', asked ? quantization.dtype : 'disable', { field: 'build.lookupPlugin' }),
    ),
  ];
}

/**
 * `trtllm-build`. Parallelism is read from the checkpoint. FP8 engines become strongly typed by themselves. The timing cache
 * goes to the working directory under its default name: a path here would stand in the engine's config.json and make equal
 * engines differ.
 * @param promptTableTokens room for the tokens of pictures; 0 where there are none
 */
export function trtllmBuildCommand(spec: BuiltSpec, promptTableTokens = 0): CommandTemplate {
  const { build, quantization, toolchain } = spec;
  return commandOf(
    findRelease(toolchain).release,
    'trtllm-build',
    ['trtllm-build'],
    [
      path('--checkpoint_dir', 'checkpoint'),
      path('--output_dir', 'output'),
      semantic('--gemm_plugin', quantization.dtype),
      semantic('--gpt_attention_plugin', quantization.dtype),
      semantic('--kv_cache_type', 'paged', { otherwise: [{ flag: '--paged_kv_cache', value: true }] }),
      semantic('--remove_input_padding', true),
      semantic('--max_batch_size', build.maxBatchSize),
      semantic('--max_input_len', build.maxInputTokens),
      // v0.11 still takes --max_output_len, with a warning.
      semantic('--max_seq_len', build.maxInputTokens + build.maxOutputTokens, {
        otherwise: [{ flag: '--max_output_len', value: build.maxOutputTokens }],
      }),
      ...(promptTableTokens === 0 ? [] : [semantic('--max_prompt_embedding_table_size', promptTableTokens)]),
      ...options(spec),
      execution('--workers', build.workers),
    ],
  );
}
