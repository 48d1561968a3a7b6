import type { Spec } from '../contracts/spec.js';
import { type CommandTemplate, path, semantic, semanticSwitch } from './command.js';
import { toolPaths } from './releases.js';

/** What `--data_type` calls the dtypes. */
const dataTypes = { float16: 'fp16', bfloat16: 'bf16' } as const;

/**
 * `examples/summarize.py`, v0.10, under mpirun with one rank a GPU. Batch size and beams are 1: with larger batches the
 * release loses samples, as it indexes beams as if they were samples. `--max_ite` counts batches, so here articles.
 */
export const summarizeCommand = ({ gate, parallelism, quantization }: Spec): CommandTemplate => ({
  program: [
    'mpirun',
    '-n',
    `${parallelism.tensor * parallelism.pipeline}`,
    '--allow-run-as-root',
    'python3',
    toolPaths.summarize,
  ],
  flags: [
    semanticSwitch('--test_trt_llm'),
    path('--hf_model_dir', 'model'),
    semantic('--data_type', dataTypes[quantization.dtype]),
    path('--engine_dir', 'engine'),
    path('--dataset_dir', 'evaluationDataset'),
    semantic('--batch_size', 1),
    semantic('--num_beams', 1),
    semantic('--max_ite', gate.articles),
    semantic('--max_input_length', gate.maxInputTokens),
    semantic('--output_len', gate.maxOutputTokens),
    path('--output_dir', 'output'),
  ],
});
