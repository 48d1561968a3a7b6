import type { Spec } from '../contracts/spec.js';
import type { ModelFamily } from '../contracts/spec-fields.js';
import { type Ask, commandOf, path, semantic } from './ask.js';
import type { CommandTemplate } from './command.js';
import type { ToolName } from './contracts/contract.js';
import { isConverted } from './quantization-formats.js';
import { findRelease, toolPaths } from './releases.js';

/** The converter of each family whose command line is known. */
const converters: Partial<Record<ModelFamily, { tool: ToolName; script: string }>> = {
  llama: { tool: 'llama/convert_checkpoint.py', script: toolPaths.convertLlama },
  qwen: { tool: 'qwen/convert_checkpoint.py', script: toolPaths.convertQwen },
};

/** Weights as GPTQ has quantized them; the switch for weight-only makes the precision count. */
const gptq = ({ awqBlockSize }: Spec['quantization']): Ask[] => [
  semantic('--use_weight_only', true),
  semantic('--weight_only_precision', 'int4_gptq', { field: 'quantization.format' }),
  semantic('--per_group', true),
  semantic('--group_size', awqBlockSize, { field: 'quantization.awqBlockSize' }),
];

/** `convert_checkpoint.py` of the model's family: the weights as they are, which is what a baseline is made of. */
export function convertCheckpointCommand({
  model: { family },
  quantization,
  parallelism,
  toolchain,
}: Pick<Spec, 'model' | 'quantization' | 'parallelism' | 'toolchain'>): CommandTemplate {
  const converter = converters[family];
  if (converter === undefined) {
    const problem = `${family} has no converter whose command line is known; known are ${Object.keys(converters).join(', ')}`;
    return { program: [], flags: [], unsupported: [{ field: 'model.family', problem }] };
  }
  return commandOf(
    findRelease(toolchain).release,
    converter.tool,
    ['python3', converter.script],
    [
      path('--model_dir', 'model'),
      semantic('--dtype', quantization.dtype),
      ...(isConverted(quantization.format) ? gptq(quantization) : []),
      semantic('--tp_size', parallelism.tensor),
      semantic('--pp_size', parallelism.pipeline),
      path('--output_dir', 'output'),
    ],
  );
}
