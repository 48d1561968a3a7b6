import { quantization as quantizationSchema } from '../../contracts/spec-fields.js';
import type { ReleaseNumber } from '../../toolchains/contracts/contracts.js';
import { calibrates as calibratesAny, isGrouped } from '../../toolchains/quantization-formats.js';
import { isSplitKnown, type KnownCheckpoint, type KnownEngine } from '../course.js';
import { asNumber, type Doubt, readField } from '../doubts.js';
import { type Finding, finding } from '../findings.js';
import { findRepository, type HubRepository } from '../hub-repositories.js';
import type { Page } from '../page.js';
import { isBefore } from '../page-release.js';
import { hintsAbove, type SectionHints } from '../section-hints.js';
import { lineOf, numberOf, type ToolCall } from '../tool-call.js';
import type { SpecComment, SpecValue } from './draft.js';
import { given } from './draft.js';

/** What specs are made from. */
export interface SpecContext {
  page: Page;
  toolchain: string;
  release: ReleaseNumber;
  hub: readonly HubRepository[];
}

export interface Fields {
  value: SpecValue;
  comments: readonly SpecComment[];
}

/** Articles for summaries: what quantize.py and summarize.py read where they are told nothing. */
const CALIBRATION_DATASET = 'abisee/cnn_dailymail';

/** `model`, with where it was guessed from; null, and a finding, where nothing tells. */
export function modelFields(
  { model, family, line, field }: { model: string | null; family: string; line: number; field: string },
  { hub }: SpecContext,
): { fields: Fields & { repository: string }; findings: Finding[] } | { fields: null; findings: Finding[] } {
  const found = model === null ? null : findRepository(model, hub);
  if (found === null) {
    const message = `which repository of the Hub ${model ?? 'the model'} is, is not said; there is no spec for it`;
    const fix = 'Link the model, or download it in the script, as in "git clone https://huggingface.co/owner/name".';
    return { fields: null, findings: [finding('repository-unknown', { line, field, message, fix })] };
  }
  const { repository, guess } = found;
  const value = { model: given({ repository, family: family === 'llama' ? undefined : family }) };
  if (guess === null) return { fields: { repository, value, comments: [] }, findings: [] };
  const message = `${model} is taken for ${repository}: ${guess} and the name of the directory say so, and no link does`;
  return {
    fields: {
      repository,
      value,
      comments: [{ path: ['model', 'repository'], text: `a guess, from ${guess} and the directory's name` }],
    },
    findings: [
      finding('repository-guessed', { line, field: 'model.repository', message, fix: 'Check it in the spec.' }),
    ],
  };
}

/** The oldest class whose GPUs can do what the engine asks. */
function oldestGpuClass({ checkpoint: { format, kvCache }, tool }: KnownEngine, release: ReleaseNumber): string {
  const isFp8Attention = tool.given.get('--use_fp8_context_fmha')?.values[0]?.text === 'enable';
  // Hopper's alone up to v0.11; Ada's too from v0.12 on.
  if (isFp8Attention) return isBefore(release, 'v0.12.0') ? 'sm90' : 'sm89';
  return format === 'fp8' || format === 'w4a8_awq' || kvCache === 'fp8' ? 'sm89' : 'sm80';
}

export function gpuClassField(
  engine: KnownEngine,
  { page, release }: SpecContext,
): { gpuClass: string; comments: SpecComment[]; findings: Finding[] } {
  const oldest = oldestGpuClass(engine, release);
  const said = hintsAbove(page, engine.tool.call.line).gpuClass;
  const text = (why: string): SpecComment[] => [{ path: ['gpuClass'], text: why }];
  if (said !== null && said.name >= oldest) {
    return { gpuClass: said.name, comments: text(`the GPU that line ${said.line} names`), findings: [] };
  }
  if (said === null) {
    const comments = text('ours: the script names none, and this is the oldest that can');
    return { gpuClass: oldest, comments, findings: [] };
  }
  const { format, kvCache, tool } = engine.checkpoint;
  const what = oldest === 'sm90' ? 'FP8 attention over the prompt' : format === 'none' ? `${kvCache} KV cache` : format;
  return {
    gpuClass: oldest,
    comments: text(`ours: line ${said.line} names ${said.name}, which cannot do ${what}; this is the oldest that can`),
    findings: [
      finding('gpu-below-format', {
        line: oldest === 'sm90' ? lineOf(engine.tool, '--use_fp8_context_fmha') : lineOf(tool, '--qformat'),
        field: 'gpuClass',
        message: `line ${said.line} names a GPU of ${said.name}, and ${what} needs ${oldest} or later`,
        fix: `Take ${what.startsWith('FP8') ? 'this option away' : 'int8_sq or int4_awq'} for ${said.name}, or a GPU of ${oldest}.`,
      }),
    ],
  };
}

/** The tensor parallelism that is meant: what the text and the launch agree on, against what the checkpoint says. */
export function meantTensor(engine: KnownEngine, { page }: SpecContext): { tensor: number; comment: string | null } {
  const { checkpoint, served } = engine;
  const announced = hintsAbove(page, checkpoint.tool.call.line).tensor;
  const launched = (served?.launches ?? []).flatMap((launch) =>
    'tool' in launch ? [numberOf(launch, '--world_size') ?? 1] : [],
  );
  const means =
    announced !== null && isSplitKnown(checkpoint) && launched.includes(announced.size * checkpoint.pipeline);
  if (!means || announced.size === checkpoint.tensor) return { tensor: checkpoint.tensor, comment: null };
  const line = lineOf(checkpoint.tool, '--tp_size');
  return {
    tensor: announced.size,
    comment: `line ${announced.line} and the launch mean ${announced.size}; the checkpoint of line ${line} is made for ${checkpoint.tensor}`,
  };
}

const calibrates = ({ checkpoint: { format, kvCache } }: KnownEngine): boolean => calibratesAny({ format, kvCache });

const calibrationShape = quantizationSchema.shape.calibration.unwrap().shape;

const calibrationNumber = (
  tool: ToolCall,
  flag: string,
  key: 'samples' | 'maxSequenceTokens',
  doubts: Doubt[],
): number | undefined => {
  const path = ['quantization', 'calibration', key];
  const schema = calibrationShape[key];
  return readField<number>(tool, { flag, path, schema, instead: '512 is the default' }, asNumber, doubts);
};

/** How many input channels share a scale, where the format has groups. */
function groupSize({ tool, format }: KnownCheckpoint, doubts: Doubt[]): number | undefined {
  if (!isGrouped(format)) return undefined;
  const flag = format === 'int4_gptq' ? '--group_size' : '--awq_block_size';
  const path = ['quantization', 'awqBlockSize'];
  const schema = quantizationSchema.shape.awqBlockSize;
  return readField<number>(tool, { flag, path, schema, instead: '128 is the default' }, asNumber, doubts);
}

/** `quantization`: what is made, on how many GPUs, and what it is calibrated with. */
export function quantizationFields(
  engine: KnownEngine,
  { gpus }: SectionHints,
  tensor: number,
): Fields & { doubts: readonly Doubt[] } {
  const { tool, format, dtype, kvCache } = engine.checkpoint;
  const named = tool.given.get('--calib_dataset')?.values[0]?.text ?? null;
  const isRepository = named !== null && /^[A-Za-z0-9][\w.-]*\/[\w.-]+$/.test(named);
  const doubts: Doubt[] = [];
  const samples = calibrationNumber(tool, '--calib_size', 'samples', doubts);
  const tokens =
    calibrationNumber(tool, '--calib_max_seq_length', 'maxSequenceTokens', doubts) ??
    calibrationNumber(tool, '--max_seq_length', 'maxSequenceTokens', doubts);
  const blockSize = groupSize(engine.checkpoint, doubts);
  const holding = gpus !== null && gpus.count > tensor ? gpus : null;
  const calibration = given({
    dataset: given({ repository: isRepository ? named : CALIBRATION_DATASET }),
    samples: samples === 512 ? undefined : samples,
    maxSequenceTokens: tokens === 512 ? undefined : tokens,
  });
  const value = given({
    format,
    dtype: dtype === 'float16' ? undefined : dtype,
    kvCache: kvCache === 'none' ? undefined : kvCache,
    gpus: holding?.count,
    awqBlockSize: blockSize === 128 ? undefined : blockSize,
    calibration: calibrates(engine) ? calibration : undefined,
  });
  const repository = ['quantization', 'calibration', 'dataset', 'repository'];
  return {
    value: { quantization: value },
    doubts,
    comments: [
      ...(holding === null
        ? []
        : [{ path: ['quantization', 'gpus'], text: `to hold the unquantized model: line ${holding.line}` }]),
      ...(calibrates(engine) && !isRepository
        ? [{ path: repository, text: `where ${named ?? 'cnn_dailymail'} is on the Hub` }]
        : []),
    ],
  };
}
