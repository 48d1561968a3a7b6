import type { Engine } from '../course.js';
import { type Finding, finding } from '../findings.js';
import { findRepository, type HubRepository } from '../hub-repositories.js';
import type { Page } from '../page.js';
import { hintsAbove, type SectionHints } from '../section-hints.js';
import { lineOf, numberOf } from '../tool-call.js';
import type { SpecComment, SpecValue } from './draft.js';
import { given } from './draft.js';

/** What specs are made from. */
export interface SpecContext {
  page: Page;
  toolchain: string;
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
): { fields: Fields; findings: Finding[] } | { fields: null; findings: Finding[] } {
  const found = model === null ? null : findRepository(model, hub);
  if (found === null) {
    const message = `which repository of the Hub ${model ?? 'the model'} is, is not said; there is no spec for it`;
    const fix = 'Link the model, or download it in the script, as in "git clone https://huggingface.co/owner/name".';
    return { fields: null, findings: [finding('repository-unknown', { line, field, message, fix })] };
  }
  const { repository, guess } = found;
  const value = { model: given({ repository, family: family === 'llama' ? undefined : family }) };
  if (guess === null) return { fields: { value, comments: [] }, findings: [] };
  const message = `${model} is taken for ${repository}: ${guess} and the name of the directory say so, and no link does`;
  return {
    fields: {
      value,
      comments: [{ path: ['model', 'repository'], text: `a guess, from ${guess} and the directory's name` }],
    },
    findings: [
      finding('repository-guessed', { line, field: 'model.repository', message, fix: 'Check it in the spec.' }),
    ],
  };
}

/** The oldest class whose GPUs can do what the engine asks. */
function oldestGpuClass({ checkpoint: { format, kvCache }, tool }: Engine): string {
  if (tool.given.get('--use_fp8_context_fmha')?.values[0]?.text === 'enable') return 'sm90';
  return format === 'fp8' || format === 'w4a8_awq' || kvCache === 'fp8' ? 'sm89' : 'sm80';
}

export function gpuClassField(engine: Engine, { page }: SpecContext): { gpuClass: string; comments: SpecComment[] } {
  const oldest = oldestGpuClass(engine);
  const said = hintsAbove(page, engine.tool.call.line).gpuClass;
  const text = (why: string): SpecComment[] => [{ path: ['gpuClass'], text: why }];
  if (said !== null && said.name >= oldest) {
    return { gpuClass: said.name, comments: text(`the GPU that line ${said.line} names`) };
  }
  return { gpuClass: oldest, comments: text('ours: the script names none, and this is the oldest that can') };
}

/** The tensor parallelism that is meant: what the text and the launch agree on, against what the checkpoint says. */
export function meantTensor(engine: Engine, { page }: SpecContext): { tensor: number; comment: string | null } {
  const { checkpoint, served } = engine;
  const announced = hintsAbove(page, checkpoint.tool.call.line).tensor;
  const launched = (served?.launches ?? []).flatMap((launch) =>
    'tool' in launch ? [numberOf(launch, '--world_size') ?? 1] : [],
  );
  const means = announced !== null && launched.includes(announced.size * checkpoint.pipeline);
  if (!means || announced.size === checkpoint.tensor) return { tensor: checkpoint.tensor, comment: null };
  const line = lineOf(checkpoint.tool, '--tp_size');
  return {
    tensor: announced.size,
    comment: `line ${announced.line} and the launch mean ${announced.size}; the checkpoint of line ${line} is made for ${checkpoint.tensor}`,
  };
}

const calibrates = ({ checkpoint: { format, kvCache } }: Engine): boolean =>
  kvCache !== 'none' || !['none', 'int4_wo', 'int8_wo'].includes(format);

/** `quantization`: what is made, on how many GPUs, and what it is calibrated with. */
export function quantizationFields(engine: Engine, { gpus }: SectionHints, tensor: number): Fields {
  const { tool, format, dtype, kvCache } = engine.checkpoint;
  const named = tool.given.get('--calib_dataset')?.values[0]?.text ?? null;
  const isRepository = named !== null && /^[A-Za-z0-9][\w.-]*\/[\w.-]+$/.test(named);
  const samples = numberOf(tool, '--calib_size');
  const tokens = numberOf(tool, '--calib_max_seq_length') ?? numberOf(tool, '--max_seq_length');
  const blockSize = numberOf(tool, '--awq_block_size');
  const holding = gpus !== null && gpus.count > tensor ? gpus : null;
  const calibration = given({
    dataset: given({ repository: isRepository ? named : CALIBRATION_DATASET }),
    samples: samples === null || samples === 512 ? undefined : samples,
    maxSequenceTokens: tokens === null || tokens === 512 ? undefined : tokens,
  });
  const value = given({
    format,
    dtype: dtype === 'float16' ? undefined : dtype,
    kvCache: kvCache === 'none' ? undefined : kvCache,
    gpus: holding?.count,
    awqBlockSize: format.endsWith('awq') && blockSize !== null && blockSize !== 128 ? blockSize : undefined,
    calibration: calibrates(engine) ? calibration : undefined,
  });
  const repository = ['quantization', 'calibration', 'dataset', 'repository'];
  return {
    value: { quantization: value },
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
