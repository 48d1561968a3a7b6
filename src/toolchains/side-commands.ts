import type { Spec } from '../contracts/spec.js';
import type { CommandTemplate } from './command.js';
import { convertCheckpointCommand } from './convert-checkpoint.js';
import { isConverted } from './quantization-formats.js';
import { quantizeCommand } from './quantize.js';
import { type Side, specOfSide } from './sides.js';
import { answerPromptsCommand, summarizeCommand, summarizeHuggingFaceCommand } from './summarize.js';
import { trtllmBuildCommand } from './trtllm-build.js';

/** Without quantization a checkpoint needs no GPU. */
export const isQuantized = ({ format, kvCache }: Spec['quantization']): boolean =>
  format !== 'none' || kvCache !== 'none';

/** Whether quantize.py quantizes, or calibrates: weights that are quantized already are converted. */
const usesQuantize = (quantization: Spec['quantization']): boolean =>
  isQuantized(quantization) && !isConverted(quantization.format);

/** Whether a pipeline runs quantize.py: not where the candidate starts from a checkpoint, or an engine, that exists. */
export const runsQuantize = ({ quantization, start }: Pick<Spec, 'quantization' | 'start'>): boolean =>
  start === undefined && usesQuantize(quantization);

/** What makes the checkpoint of one side; `spec` is that side's. */
export const checkpointCommand = (
  spec: Pick<Spec, 'model' | 'quantization' | 'parallelism' | 'toolchain'>,
): CommandTemplate => (usesQuantize(spec.quantization) ? quantizeCommand(spec) : convertCheckpointCommand(spec));

/** What answers the texts of one shard for one side. */
export function evaluationCommand(spec: Spec, side: Side, count: number): CommandTemplate {
  const ownSpec = specOfSide(spec, side);
  if (side === 'baseline' && spec.gate.baseline.source === 'huggingface') {
    return summarizeHuggingFaceCommand(ownSpec, count);
  }
  return spec.gate.dataset.kind === 'prompts' ? answerPromptsCommand(ownSpec) : summarizeCommand(ownSpec, count);
}

/** Every command line of one side, once each: what a release has to be able to do. */
export function commandsOfSide(spec: Spec, side: Side): CommandTemplate[] {
  const { source } = spec.gate.baseline;
  if (side === 'baseline' && source === 'evaluations') return [];
  const evaluation = evaluationCommand(spec, side, 1);
  if (side === 'baseline' && source === 'huggingface') return [evaluation];
  const ownSpec = specOfSide(spec, side);
  const start = side === 'candidate' ? spec.start : undefined;
  if (start?.engine !== undefined) return [evaluation];
  return [...(start === undefined ? [checkpointCommand(ownSpec)] : []), trtllmBuildCommand(ownSpec), evaluation];
}
