import type { StepActivityName } from '../../contracts/steps.js';
import { convertProgress } from './convert-checkpoint.js';
import { quantizeProgress } from './quantize.js';
import { summarizeProgress } from './summarize.js';
import { type ProgressReader, readBar } from './tool-progress.js';
import { buildProgress } from './trtllm-build.js';

const readers: Partial<Record<StepActivityName, (argv: readonly string[]) => ProgressReader>> = {
  quantize: quantizeProgress,
  convert: convertProgress,
  build: buildProgress,
  evaluate: summarizeProgress,
};

/** Reads the progress of a step's tool in its output. @param argv its command line */
export const progressReader = (activity: StepActivityName, argv: readonly string[]): ProgressReader =>
  readers[activity]?.(argv) ?? readBar;
