import type { Spec } from '../contracts/spec.js';
import { type CommandTemplate, path, semantic } from './command.js';
import { toolPaths } from './releases.js';
import { summarizeDataTypes } from './summarize.js';

/**
 * `compare_engines.py`, of the overlay that Enginesmith puts beside NVIDIA's programs: teacher-forces the baseline's texts
 * through both engines and writes agreement.json.
 */
export const compareEnginesCommand = ({
  gate,
  quantization,
}: Pick<Spec, 'gate' | 'quantization'>): CommandTemplate => ({
  program: ['python3', toolPaths.compareEngines],
  flags: [
    path('--engine_dir', 'engine'),
    ...(gate.baseline.source === 'huggingface'
      ? [
          path('--baseline_hf_model_dir', 'baselineModel'),
          semantic('--hf_data_type', summarizeDataTypes[quantization.dtype]),
        ]
      : [path('--baseline_engine_dir', 'baselineEngine')]),
    path('--tokenizer_dir', 'model'),
    path('--dataset_dir', 'evaluationDataset'),
    { kind: 'path', name: '--texts', value: '{baselineEvaluation}/evaluation.json' },
    semantic('--max_input_length', gate.maxInputTokens),
    path('--output_dir', 'output'),
  ],
});
