import type { Spec } from '../contracts/spec.js';
import { commandOf, ifAsked, path, semantic } from './ask.js';
import type { CommandTemplate } from './command.js';
import { calibrates, isGrouped } from './quantization-formats.js';
import { findRelease, toolPaths } from './releases.js';

/**
 * `examples/quantization/quantize.py`. It writes `config.json` and one `rank{r}.safetensors` a rank into `{output}`. Flags that
 * a format ignores are left out, so that they do not split its keys. v0.9 calibrates on what it loads itself.
 */
export function quantizeCommand({ quantization, parallelism, toolchain }: QuantizedSpec): CommandTemplate {
  const { format, dtype, kvCache, awqBlockSize, calibration } = quantization;
  return commandOf(
    findRelease(toolchain).release,
    'quantize.py',
    ['python3', toolPaths.quantize],
    [
      path('--model_dir', 'model'),
      semantic('--dtype', dtype),
      semantic('--qformat', format === 'none' ? 'full_prec' : format, { field: 'quantization.format' }),
      ...(kvCache === 'none' ? [] : [semantic('--kv_cache_dtype', kvCache, { field: 'quantization.kvCache' })]),
      ...(isGrouped(format)
        ? [semantic('--awq_block_size', awqBlockSize, { field: 'quantization.awqBlockSize' })]
        : []),
      ...(calibration !== undefined && calibrates(quantization)
        ? [
            path('--calib_dataset', 'calibrationDataset', {
              field: 'quantization.calibration.dataset',
              advice: 'It reads what cnn_dailymail is on the Hub that day, which nobody can pin: use such a release',
            }),
            semantic('--calib_size', calibration.samples),
            semantic('--calib_max_seq_length', calibration.maxSequenceTokens, {
              otherwise: [{ flag: '--max_seq_length', value: calibration.maxSequenceTokens }],
            }),
            ...ifAsked(calibration.batchSize, (asked) =>
              semantic('--batch_size', asked, { field: 'quantization.calibration.batchSize' }),
            ),
          ]
        : []),
      semantic('--tp_size', parallelism.tensor),
      semantic('--pp_size', parallelism.pipeline),
      path('--output_dir', 'output'),
    ],
  );
}

type QuantizedSpec = Pick<Spec, 'quantization' | 'parallelism' | 'toolchain'>;
