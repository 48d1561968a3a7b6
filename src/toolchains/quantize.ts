import type { Spec } from '../contracts/spec.js';
import { type CommandTemplate, path, semantic } from './command.js';
import { calibrates, isGrouped } from './quantization-formats.js';
import { toolPaths } from './releases.js';

/**
 * `examples/quantization/quantize.py`, v0.10. It writes `config.json` and one `rank{r}.safetensors` a rank into `{output}`.
 * Flags that a format ignores are left out, so that they do not split its keys.
 */
export function quantizeCommand({ quantization, parallelism }: Spec): CommandTemplate {
  const { format, dtype, kvCache, awqBlockSize, calibration } = quantization;
  return {
    program: ['python3', toolPaths.quantize],
    flags: [
      path('--model_dir', 'model'),
      semantic('--dtype', dtype),
      semantic('--qformat', format === 'none' ? 'full_prec' : format),
      ...(kvCache === 'none' ? [] : [semantic('--kv_cache_dtype', kvCache)]),
      ...(isGrouped(format) ? [semantic('--awq_block_size', awqBlockSize)] : []),
      ...(calibration !== undefined && calibrates(quantization)
        ? [
            path('--calib_dataset', 'calibrationDataset'),
            semantic('--calib_size', calibration.samples),
            semantic('--calib_max_seq_length', calibration.maxSequenceTokens),
          ]
        : []),
      semantic('--tp_size', parallelism.tensor),
      semantic('--pp_size', parallelism.pipeline),
      path('--output_dir', 'output'),
    ],
  };
}
