import type { Spec } from '../contracts/spec.js';
import { type CommandTemplate, path, semantic } from './command.js';
import { toolPaths } from './releases.js';

/** `examples/llama/convert_checkpoint.py`, v0.10, without quantization: the checkpoint of a baseline. */
export const convertCheckpointCommand = ({ quantization, parallelism }: Spec): CommandTemplate => ({
  program: ['python3', toolPaths.convertLlama],
  flags: [
    path('--model_dir', 'model'),
    semantic('--dtype', quantization.dtype),
    semantic('--tp_size', parallelism.tensor),
    semantic('--pp_size', parallelism.pipeline),
    path('--output_dir', 'output'),
  ],
});
