import type { StepProgress } from '../../contracts/step-progress.js';

/** What a tool says of its progress: counts, without the speed at which they grow. */
export type ToolProgress = Pick<StepProgress, 'phase' | 'done' | 'total' | 'unit'>;

/** Takes the lines of a tool's output, one by one. @returns undefined for a line that says nothing new */
export type ProgressReader = (line: string) => ToolProgress | undefined;

/** A phase that tells no count. */
export const phaseOnly = (phase: string): ToolProgress => ({ phase, done: 0, total: null, unit: '' });

/** A line without what TensorRT-LLM's logger puts before it: `[MM/DD/YYYY-HH:MM:SS] [TRT-LLM] [I] `. */
export const withoutPrefix = (line: string): string => line.replace(/^\[[\d/:-]+\] \[TRT-LLM\] \[[A-Z]\] ?/, '');

/** As tqdm draws them: `Loading checkpoint shards:  50%|█████     | 2/4 [00:10<00:10,  5.21s/it]`. */
const TQDM = /^(?:(.{1,80}?): +)?\d+%\|.*\| *(\d+)\/(\d+) \[/;

/** A progress bar of tqdm, whatever it counts. */
export function readBar(line: string): ToolProgress | undefined {
  const [, title, done, total] = TQDM.exec(line) ?? [];
  if (done === undefined || total === undefined) return undefined;
  const loads = title === 'Loading checkpoint shards';
  return {
    phase: loads ? 'loading the model' : (title?.toLowerCase() ?? 'working'),
    done: Number(done),
    total: Number(total),
    unit: loads ? 'files' : 'steps',
  };
}

/** `Layer 3/30`, as the CPU reference toolchain prints each layer that it has made. */
export function readLayer(line: string, phase: string, pattern = /^Layer (\d+)\/(\d+)$/): ToolProgress | undefined {
  const [, done, total] = pattern.exec(line) ?? [];
  if (done === undefined || total === undefined) return undefined;
  return { phase, done: Number(done), total: Number(total), unit: 'layers' };
}

/** The value of a flag in a command line. */
export const flagValue = (argv: readonly string[], name: string): string | undefined => {
  const at = argv.indexOf(name);
  return at < 0 ? undefined : argv[at + 1];
};
