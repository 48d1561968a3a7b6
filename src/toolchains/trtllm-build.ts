import type { Spec } from '../contracts/spec.js';
import { type CommandTemplate, execution, path, semantic } from './command.js';

/**
 * `trtllm-build`, v0.10. Parallelism is read from the checkpoint. FP8 engines become strongly typed by themselves. The
 * timing cache goes to the working directory under its default name: a path here would stand in the engine's config.json
 * and make equal engines differ.
 */
export const trtllmBuildCommand = ({ build, quantization }: Spec): CommandTemplate => ({
  program: ['trtllm-build'],
  flags: [
    path('--checkpoint_dir', 'checkpoint'),
    path('--output_dir', 'output'),
    semantic('--gemm_plugin', quantization.dtype),
    semantic('--gpt_attention_plugin', quantization.dtype),
    semantic('--paged_kv_cache', 'enable'),
    semantic('--remove_input_padding', 'enable'),
    semantic('--max_batch_size', build.maxBatchSize),
    semantic('--max_input_len', build.maxInputTokens),
    semantic('--max_output_len', build.maxOutputTokens),
    execution('--workers', build.workers),
  ],
});
