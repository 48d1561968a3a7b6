import { parallelism, quantization } from '../contracts/spec-fields.js';
import type { Checkpoint } from './course.js';
import { asNumber, type Doubt, readField } from './doubts.js';
import { familyOf, type ModelFamilyGuess } from './families.js';
import { type Finding, finding } from './findings.js';
import { asFolder, isRepository } from './hub-repositories.js';
import { isGiven, lineOf, pathOf, type ToolCall, textOf } from './tool-call.js';

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

/** What keeps a checkpoint from being said in a spec. */
const obstacle = (tool: ToolCall, flag: string, message: string, fix: string): Finding =>
  finding('not-a-spec', {
    line: lineOf(tool, flag),
    field: flag,
    message: `there is no spec for this: ${message}`,
    fix,
  });

/** As it is written, where what a flag is given is not known; null where it is, or nothing is given. */
function unknownSource({ given, flags }: ToolCall, flag: string): string | null {
  const word = given.get(flags.get(flag)?.names[0] ?? flag)?.values[0];
  return word !== undefined && word.text === null ? word.source.slice(0, 60) : null;
}

const WRITE_IT = 'Write the value, or set the variable in the script before.';

const unknownFormat = (tool: ToolCall, flag: string): Finding =>
  obstacle(tool, flag, `${flag} ${unknownSource(tool, flag) ?? ''} is not known, so the format is not`, WRITE_IT);

interface Reading extends Quantization {
  obstacles: Finding[];
}

function byQuantizePy(tool: ToolCall, doubts: Doubt[]): Reading {
  const named = textOf(tool, '--qformat');
  const format = named === null ? null : (qformats.get(named) ?? null);
  const wrong = `--qformat ${named ?? ''} is no format of a spec`;
  const kvCache = readField(
    tool,
    {
      flag: '--kv_cache_dtype',
      path: ['quantization', 'kvCache'],
      schema: quantization.shape.kvCache,
      instead: 'none is written',
    },
    (text) => text,
    doubts,
  );
  const unknown = unknownSource(tool, '--qformat') !== null;
  return {
    format,
    kvCache: kvCache ?? 'none',
    obstacles:
      format !== null
        ? []
        : [unknown ? unknownFormat(tool, '--qformat') : obstacle(tool, '--qformat', wrong, 'Correct the format.')],
  };
}

/** Flags of the converters that make something which no format of a spec is. */
const unsayable: readonly { flag: string; message: string; fix: string }[] = [
  {
    flag: '--use_fp8_rowwise',
    message: 'FP8 with a scale a row is no format of a spec; its fp8 has one scale a tensor',
    fix: 'Take quantize.py --qformat fp8, or write the spec by hand.',
  },
  ...['--quant_ckpt_path', '--modelopt_quant_ckpt_path', '--ammo_quant_ckpt_path'].map((flag) => ({
    flag,
    message: `${flag} names weights that something else has quantized, which no spec can say`,
    fix: 'Import the finished checkpoint and start from that (start.checkpoint).',
  })),
];

function weightOnly(tool: ToolCall): Pick<Reading, 'format' | 'obstacles'> {
  const flag = '--weight_only_precision';
  const isBare = tool.given.get(flag)?.values.length === 0;
  const precision = isBare ? 'int8' : textOf(tool, flag);
  if (precision === null) return { format: null, obstacles: [unknownFormat(tool, flag)] };
  if (precision === 'int8') return { format: 'int8_wo', obstacles: [] };
  if (precision === 'int4') return { format: 'int4_wo', obstacles: [] };
  if (precision === 'int4_gptq') return { format: 'int4_gptq', obstacles: [] };
  const message =
    precision === 'int4_awq'
      ? 'int4_awq here converts weights that AWQ has quantized already, and the int4_awq of a spec calibrates them'
      : `${flag} ${precision} is no format of a spec`;
  return { format: null, obstacles: [obstacle(tool, flag, message, 'Take quantize.py, or write the spec by hand.')] };
}

/** In the order in which the converters look at their flags. */
function converterFormat(tool: ToolCall): Pick<Reading, 'format' | 'obstacles'> {
  const obstacles = unsayable
    .filter(({ flag }) => isGiven(tool, flag))
    .map(({ flag, message, fix }) => obstacle(tool, flag, message, fix));
  if (obstacles.length > 0) return { format: null, obstacles };
  if (isGiven(tool, '--use_weight_only')) return weightOnly(tool);
  if (isGiven(tool, '--smoothquant')) return { format: 'int8_sq', obstacles };
  return { format: isGiven(tool, '--use_fp8') ? 'fp8' : 'none', obstacles };
}

function byConverter(tool: ToolCall): Reading {
  const kvCache = isGiven(tool, '--int8_kv_cache') ? 'int8' : isGiven(tool, '--fp8_kv_cache') ? 'fp8' : 'none';
  return { ...converterFormat(tool), kvCache };
}

const unsupportedFamily = (tool: ToolCall, model: string, { name }: ModelFamilyGuess): Finding =>
  finding('family-unsupported', {
    line: lineOf(tool, '--model_dir'),
    field: '--model_dir',
    message: `there is no spec for this: ${model} is a ${name} model, and specs have llama (with Mistral and Mixtral), qwen and baichuan`,
    fix: 'Go on by hand with this model.',
  });

/** `owner/name` is a repository of the Hub, not a folder of the working directory; `./owner/name` is one. */
function modelOf(tool: ToolCall): string | null {
  const named = textOf(tool, '--model_dir');
  if (named !== null && isRepository(named)) return named;
  const path = pathOf(tool, '--model_dir');
  return path === null ? null : asFolder(path);
}

/** What quantize.py or a converter makes; null where it is not said where. */
export function readCheckpoint(tool: ToolCall): Checkpoint | null {
  const directory = pathOf(tool, '--output_dir');
  if (directory === null) return null;
  const model = modelOf(tool);
  const family = familyOf(tool.tool, model);
  const doubts: Doubt[] = [];
  const { obstacles, ...read } = tool.tool === 'quantize.py' ? byQuantizePy(tool, doubts) : byConverter(tool);
  const ranks = (flag: string, key: 'tensor' | 'pipeline'): number => {
    const field = { flag, path: ['parallelism', key], schema: parallelism.shape[key], instead: '1 is written' };
    return readField(tool, field, asNumber, doubts) ?? 1;
  };
  const dtype = {
    flag: '--dtype',
    path: ['quantization', 'dtype'],
    schema: quantization.shape.dtype,
    instead: 'float16 is written',
    code: 'flag-without-field',
  } as const;
  return {
    tool,
    directory,
    model,
    family: family.family ?? 'llama',
    ...read,
    dtype: readField(tool, dtype, (text) => text, doubts) ?? 'float16',
    tensor: ranks('--tp_size', 'tensor'),
    pipeline: ranks('--pp_size', 'pipeline'),
    doubts,
    obstacles: family.family === null ? [...obstacles, unsupportedFamily(tool, model ?? '', family)] : obstacles,
  };
}
