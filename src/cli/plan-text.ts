import Table from 'cli-table3';
import pc from 'picocolors';
import type { Plan, PlannedStep } from './make-plan.js';
import { noBorders } from './no-borders.js';

const colours: Record<PlannedStep['action'], (text: string) => string> = {
  run: pc.yellow,
  reuse: pc.green,
  maybe: pc.dim,
};

/** Narrow enough for 80 columns together; a serving host's name may be longer and is cut. */
const COLUMN_WIDTHS = [23, 8, 6, 25, 18];

/** A plan as a table of at most 80 columns; with `commands` followed by every command line. */
export function planText({ spec, toolchain, steps }: Plan, { commands }: { commands: boolean }): string {
  const table = new Table({
    head: ['STEP', 'ACTION', 'GPUS', 'QUEUE', 'WHY'],
    colWidths: COLUMN_WIDTHS,
    chars: noBorders,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 1 },
  });
  for (const { name, action, gpus, queue, reason } of steps) {
    table.push([name, colours[action](action), gpus === 0 ? '-' : `${gpus}`, queue, reason]);
  }
  const title = `${spec.name}-${spec.digest.slice(0, 12)} on ${toolchain.name} ${toolchain.release}`;
  const lines = table.toString().split('\n');
  return [
    title,
    '',
    ...lines.map((line) => line.trimEnd()),
    ...remedyLines(steps),
    ...(commands ? commandLines(steps) : []),
  ].join('\n');
}

const remedyLines = (steps: PlannedStep[]): string[] => {
  const lines = steps.flatMap(({ name, remedies = [] }) =>
    remedies.map((remedy) => `  ${name}: ${remedy.after} → ${remedy.name}, ${remedy.change}`),
  );
  return lines.length === 0 ? [] : ['', 'Where a step fails, it is tried again with', ...lines];
};

const commandLines = (steps: PlannedStep[]): string[] =>
  steps
    .filter(({ commands }) => commands.length > 0)
    .flatMap(({ name, commands }) => ['', pc.bold(name), ...commands.map(({ argv }) => `  ${shellLine(argv)}`)]);

/** One flag a line, so that long command lines can be read and still be pasted. */
function shellLine(argv: string[]): string {
  const quoted = argv.map((argument) => (/^[\w./:={},@+-]+$/.test(argument) ? argument : `'${argument}'`));
  return quoted
    .map((argument, index) => (index > 0 && argument.startsWith('--') ? `\\\n    ${argument}` : argument))
    .join(' ');
}
