import { createLogUpdate } from 'log-update';
import pc from 'picocolors';
import type { PipelineProgress, StepState } from '../contracts/pipeline.js';
import type { WaitingActivity } from '../enginesmith-client.js';
import type { RunningActivity } from '../running-activities.js';
import { progressText } from './progress-text.js';

/** Shows a running pipeline on stderr: stdout belongs to the result. */
export interface ProgressView {
  /**
   * @param waiting what is tried again; an error that repeats is shown once
   * @param running how far steps are
   */
  show(progress: PipelineProgress, waiting: readonly WaitingActivity[], running: readonly RunningActivity[]): void;
  /** Leaves what was shown last on the screen. */
  done(): void;
}

const marks: Record<StepState, string> = {
  waiting: pc.dim('·'),
  locating: pc.dim('…'),
  running: pc.yellow('▶'),
  parked: pc.yellow('‖'),
  ran: pc.green('✓'),
  reused: pc.cyan('↺'),
  cancelled: pc.yellow('⊘'),
  failed: pc.red('✗'),
};

export const duration = (milliseconds: number): string =>
  milliseconds < 100_000
    ? `${(milliseconds / 1000).toFixed(1)} s`
    : `${Math.floor(milliseconds / 60_000)} min ${Math.floor((milliseconds % 60_000) / 1000)} s`;

type Step = PipelineProgress['steps'][number];

const stepLine = ({ name, state, durationMs }: Step, elapsedMs: number | null, progress = ''): string => {
  const milliseconds = durationMs ?? elapsedMs;
  const time = milliseconds === null ? '' : duration(milliseconds);
  return `  ${marks[state]} ${name.padEnd(22)} ${state.padEnd(10)}${time.padEnd(progress === '' ? 0 : 10)}${progress}`.trimEnd();
};

/** How far a running step is; empty where its worker has not said. */
const progressOf = ({ name, state }: Step, running: readonly RunningActivity[]): string => {
  const found = state === 'running' ? running.findLast(({ step }) => step === name)?.progress : undefined;
  return found ? progressText(found) : '';
};

/** Why an activity is between two attempts, in the first line of what it said. */
export const waitingLine = ({ activity, attempt, message }: WaitingActivity): string =>
  `  ${pc.yellow('↻')} ${activity}, before attempt ${attempt}: ${message.split('\n')[0]}`;

/** What was changed after failures of a step, one a line below it. */
const remedyLines = ({ remedies = [] }: Step): string[] =>
  remedies.map(({ name, after, change }) => `      ${pc.yellow(name)} after ${after}: ${change}`);

/** Every step of a pipeline, one a line, each with its remedies. */
export const stepLines = ({ steps }: PipelineProgress, running: readonly RunningActivity[]): string[] =>
  steps.flatMap((step) => [stepLine(step, null, progressOf(step, running)), ...remedyLines(step)]);

/** A table that is drawn anew in a terminal; elsewhere one line whenever a step changes. */
export const createProgressView = (): ProgressView =>
  // A pseudo-terminal that nobody looks at has no columns or no rows, and nothing can be drawn in it.
  process.stderr.isTTY && process.stderr.columns > 0 && process.stderr.rows > 0 ? terminalView() : lineView();

function terminalView(): ProgressView {
  const draw = createLogUpdate(process.stderr);
  const firstSeen = new Map<string, number>();
  return {
    show({ phase, steps }, waiting, running) {
      const lines = steps.flatMap((step) => {
        const since = firstSeen.get(step.name) ?? performance.now();
        firstSeen.set(step.name, since);
        return [stepLine(step, performance.now() - since, progressOf(step, running)), ...remedyLines(step)];
      });
      draw([`Phase ${pc.bold(phase)}`, ...lines, ...waiting.map(waitingLine)].join('\n'));
    },
    done: () => draw.done(),
  };
}

function lineView(): ProgressView {
  const shown = new Map<string, string>();
  return {
    show({ steps }, waiting) {
      for (const step of steps) {
        for (const line of remedyLines(step)) {
          const key = `${step.name} ${line}`;
          if (shown.has(key)) continue;
          shown.set(key, '');
          process.stderr.write(`${line.replace(/^ {6}/, `  ${step.name}: `)}\n`);
        }
        if (shown.get(step.name) === step.state || step.state === 'locating') continue;
        shown.set(step.name, step.state);
        process.stderr.write(`${stepLine(step, null)}\n`);
      }
      for (const activity of waiting) {
        const { activity: name, message } = activity;
        if (shown.get(`waiting ${name}`) === message) continue;
        shown.set(`waiting ${name}`, message);
        process.stderr.write(`${waitingLine(activity)}\n`);
      }
    },
    done: () => {},
  };
}
