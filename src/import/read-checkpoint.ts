import type { ModelFamily } from '../contracts/spec-fields.js';
import type { Checkpoint } from './course.js';
import { isGiven, numberOf, pathOf, type ToolCall, textOf } from './tool-call.js';

type Quantization = Pick<Checkpoint, 'format' | 'kvCache'>;

const qformats: ReadonlyMap<string, Checkpoint['format']> = new Map<string, Checkpoint['format']>([
  ['full_prec', 'none'],
  ['fp8', 'fp8'],
  ['int4_awq', 'int4_awq'],
  ['int4_wo', 'int4_wo'],
  ['int8_sq', 'int8_sq'],
  ['int8_wo', 'int8_wo'],
  ['w4a8_awq', 'w4a8_awq'],
]);

function byQuantizePy(tool: ToolCall): Quantization {
  const kvCache = textOf(tool, '--kv_cache_dtype');
  return {
    format: qformats.get(textOf(tool, '--qformat') ?? '') ?? 'none',
    kvCache: kvCache === 'int8' || kvCache === 'fp8' ? kvCache : 'none',
  };
}

function byConverter(tool: ToolCall): Quantization {
  const precision = textOf(tool, '--weight_only_precision') ?? 'int8';
  const weightOnly = isGiven(tool, '--use_weight_only') ? (precision.startsWith('int4') ? 'int4_wo' : 'int8_wo') : null;
  const smooth = isGiven(tool, '--smoothquant') ? 'int8_sq' : null;
  const fp8 = isGiven(tool, '--use_fp8') ? 'fp8' : null;
  const kvCache = isGiven(tool, '--int8_kv_cache') ? 'int8' : isGiven(tool, '--fp8_kv_cache') ? 'fp8' : 'none';
  return { format: smooth ?? weightOnly ?? fp8 ?? 'none', kvCache };
}

const familyOf = (tool: ToolCall, model: string | null): ModelFamily => {
  if (tool.tool === 'qwen/convert_checkpoint.py') return 'qwen';
  if (tool.tool === 'llama/convert_checkpoint.py') return 'llama';
  return familyOfName(model ?? '');
};

/** The family of a model by what it is called: what is none of the others is most likely built like a Llama. */
export function familyOfName(name: string): ModelFamily {
  if (/qwen/i.test(name)) return 'qwen';
  return /baichuan/i.test(name) ? 'baichuan' : 'llama';
}

/** What quantize.py or a converter makes; null where it is not said where. */
export function readCheckpoint(tool: ToolCall): Checkpoint | null {
  const directory = pathOf(tool, '--output_dir');
  if (directory === null) return null;
  const named = textOf(tool, '--model_dir');
  // `owner/name` is a repository of the Hub, not a folder of the working directory.
  const model = named !== null && /^[A-Za-z0-9][\w.-]*\/[\w.-]+$/.test(named) ? named : pathOf(tool, '--model_dir');
  return {
    tool,
    directory,
    model,
    family: familyOf(tool, model),
    ...(tool.tool === 'quantize.py' ? byQuantizePy(tool) : byConverter(tool)),
    dtype: textOf(tool, '--dtype') === 'bfloat16' ? 'bfloat16' : 'float16',
    tensor: numberOf(tool, '--tp_size') ?? 1,
    pipeline: numberOf(tool, '--pp_size') ?? 1,
  };
}
