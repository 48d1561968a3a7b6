import type { Spec } from '../contracts/spec.js';
import { type Ask, commandOf, execution, ifAsked, path, semantic } from './ask.js';
import { type CommandTemplate, underMpi } from './command.js';
import { findRelease, toolPaths } from './releases.js';
import { worldSizeOf } from './sides.js';

/** What `--hf_data_type` and `--data_type` call the dtypes. */
export const summarizeDataTypes = { float16: 'fp16', bfloat16: 'bf16' } as const;

/**
 * What both ways of running summarize.py have in common. Batch size and beams are 1: with larger batches the release loses
 * samples, as it indexes beams as if they were samples. `--max_ite` counts batches, so here articles. v0.9 has no flag for the
 * articles: its `--dataset_path` is where it keeps what it fetches from the Hub.
 */
const common = ({ gate, quantization, toolchain }: Spec, articles: number): Ask[] => [
  path('--hf_model_dir', 'model'),
  semantic('--data_type', summarizeDataTypes[quantization.dtype]),
  path('--dataset_dir', 'evaluationDataset', {
    field: 'gate.dataset.kind',
    advice:
      'It asks what cnn_dailymail is on the Hub that day, which nobody can pin: ask prompts, or use such a release',
  }),
  semantic('--batch_size', 1),
  semantic('--num_beams', 1),
  semantic('--max_ite', articles),
  semantic('--max_input_length', gate.maxInputTokens),
  semantic('--output_len', gate.maxOutputTokens),
  ...(findRelease(toolchain).perplexity ? [semantic('--eval_ppl', true)] : []),
  path('--output_dir', 'output'),
];

/**
 * What is chosen where an engine runs, from v0.12 on: an evaluation chooses as Triton's templates do, or it would judge another
 * engine than is served. Before it trtllm-build was asked. v0.12 has bare flags; v0.13 reads a word, of which it takes `True` for
 * yes and anything that it does not know, `enable` too, for no.
 */
const atRunTime = ({ build }: Spec): Ask[] => [
  ...ifAsked(build.multiBlockMode, (asked) =>
    semantic('--multi_block_mode', asked ? 'True' : 'False', {
      otherwise: [{ flag: '--multi_block_mode', value: asked }],
      isDefaultWhereGone: true,
    }),
  ),
  ...ifAsked(build.contextFmhaFp32Accumulation, (asked) =>
    semantic('--enable_context_fmha_fp32_acc', asked, { isDefaultWhereGone: true }),
  ),
];

/** `examples/summarize.py` under mpirun with one rank a GPU. */
export const summarizeCommand = (spec: Spec, articles: number): CommandTemplate =>
  commandOf(findRelease(spec.toolchain).release, 'summarize.py', underMpi(worldSizeOf(spec), toolPaths.summarize), [
    semantic('--test_trt_llm', true),
    path('--engine_dir', 'engine'),
    ...atRunTime(spec),
    ...common(spec, articles),
  ]);

/**
 * `examples/summarize.py` with the Hugging Face model itself, spread over the GPUs that hold it. The releases read the name of
 * the model out of an engine first, whatever is asked of them.
 */
export function summarizeHuggingFaceCommand(spec: Spec, articles: number): CommandTemplate {
  const { release, modelNeedsEngine } = findRelease(spec.toolchain);
  return commandOf(
    release,
    'summarize.py',
    ['python3', toolPaths.summarize],
    [
      semantic('--test_hf', true),
      ...(modelNeedsEngine ? [path('--engine_dir', 'engine')] : []),
      ...(spec.quantization.gpus > 1 ? [execution('--hf_device_map_auto', true)] : []),
      ...common(spec, articles),
    ],
  );
}

/**
 * `examples/run.py`: answers all prompts of a shard in one batch. They come through the chat template already, special tokens
 * included.
 */
export const answerPromptsCommand = (spec: Spec): CommandTemplate =>
  commandOf(findRelease(spec.toolchain).release, 'run.py', underMpi(worldSizeOf(spec), toolPaths.run), [
    semantic('--max_output_len', spec.gate.maxOutputTokens),
    semantic('--max_input_length', spec.gate.maxInputTokens),
    path('--engine_dir', 'engine'),
    ...atRunTime(spec),
    path('--tokenizer_dir', 'model'),
    semantic('--no_prompt_template', true),
    semantic('--no_add_special_tokens', true),
    execution('--log_level', 'info'),
    path('--input_text', 'prompts...'),
  ]);
