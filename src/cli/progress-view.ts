import { createLogUpdate } from 'log-update';
import pc from 'picocolors';
import type { PipelineProgress, StepState } from '../contracts/pipeline.js';
import type { WaitingActivity } from '../enginesmith-client.js';

/** Shows a running pipeline on stderr: stdout belongs to the result. */
export interface ProgressView {
  /** @param waiting what is tried again; an error that repeats is shown once */
  show(progress: PipelineProgress, waiting: readonly WaitingActivity[]): void;
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

const stepLine = ({ name, state, durationMs }: Step, elapsedMs: number | null): string => {
  const milliseconds = durationMs ?? elapsedMs;
  return `  ${marks[state]} ${name.padEnd(20)} ${state.padEnd(10)}${milliseconds === null ? '' : duration(milliseconds)}`.trimEnd();
};

/** Why an activity is between two attempts, in the first line of what it said. */
export const waitingLine = ({ activity, attempt, message }: WaitingActivity): string =>
  `  ${pc.yellow('↻')} ${activity}, before attempt ${attempt}: ${message.split('\n')[0]}`;

/** What was changed after failures of a step, one a line below it. */
const remedyLines = ({ remedies = [] }: Step): string[] =>
  remedies.map(({ name, after, change }) => `      ${pc.yellow(name)} after ${after}: ${change}`);

/** Every step of a pipeline, one a line, each with its remedies. */
export const stepLines = ({ steps }: PipelineProgress): string[] =>
  steps.flatMap((step) => [stepLine(step, null), ...remedyLines(step)]);

/** A table that is drawn anew in a terminal; elsewhere one line whenever a step changes. */
export const createProgressView = (): ProgressView =>
  // A pseudo-terminal that nobody looks at has no columns, and nothing can be drawn in it.
  process.stderr.isTTY && process.stderr.columns > 0 ? terminalView() : lineView();

function terminalView(): ProgressView {
  const draw = createLogUpdate(process.stderr);
  const firstSeen = new Map<string, number>();
  return {
    show({ phase, steps }, waiting) {
      const lines = steps.flatMap((step) => {
        const since = firstSeen.get(step.name) ?? performance.now();
        firstSeen.set(step.name, since);
        return [stepLine(step, performance.now() - since), ...remedyLines(step)];
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
