import type { Spec } from '../contracts/spec.js';
import { type CommandTemplate, type Flag, underMpi } from './command.js';
import { toolPaths } from './releases.js';
import { specOfSide, worldSizeOf } from './sides.js';
import { summarizeDataTypes } from './summarize.js';

const path = (name: string, placeholder: string): Flag => ({ kind: 'path', name, value: `{${placeholder}}` });
const semantic = (name: string, value: string | number): Flag => ({ kind: 'semantic', name, value: `${value}` });

/**
 * `compare_engines.py`, of the overlay that Enginesmith puts beside NVIDIA's programs: teacher-forces the baseline's texts
 * through both engines and writes agreement.json. One launch runs both, so it has the ranks of the larger one; the others
 * leave its further ranks idle, and a Hugging Face model is the first rank's alone.
 */
export function compareEnginesCommand(spec: Spec): CommandTemplate {
  const { gate, quantization } = spec;
  const isHuggingFace = gate.baseline.source === 'huggingface';
  const baselineRanks = isHuggingFace ? 1 : worldSizeOf(specOfSide(spec, 'baseline'));
  return {
    program: underMpi(Math.max(worldSizeOf(spec), baselineRanks), toolPaths.compareEngines),
    flags: [
      path('--engine_dir', 'engine'),
      ...(isHuggingFace
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
    unsupported: [],
  };
}
