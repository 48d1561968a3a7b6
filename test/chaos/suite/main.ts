import { parseArgs } from 'node:util';
import pLimit from 'p-limit';
import { faults } from './fault-table.js';
import { reportTable, rowLine } from './report.js';
import { type Row, readRows, rowName, selectRows } from './rows.js';
import { type RowReport, runRow } from './run-row.js';

const HELP = `npm run chaos -- [--only FAULT[/STEP],…] [--repeat N] [--jobs N] [--json] [--list]

Runs a whole pipeline for each row of test/chaos/faults.yaml, with the row's fault
injected in the middle of its step. Prints each row as a line of JSON, and a table.

  --only     only these rows, as in kill-worker or kill-worker/build
  --repeat   every row so many times (default 1)
  --jobs     so many rows at once, each with its own environment (default 1)
  --json     only the lines of JSON
  --list     prints the names of the rows and ends

Exits 1 when a row is not ok: one that ended otherwise than the file says, left
something behind, repeated what was complete, or has no proof of its fault.`;

/** @returns the exit code */
async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      repeat: { type: 'string', default: '1' },
      jobs: { type: 'string', default: '1' },
      json: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return print(HELP, 0);
  const rows = selectRows(readRows(), values.only);
  if (values.list) return print(rows.map(rowName).join('\n'), 0);
  const [times, jobs] = [Number(values.repeat), Number(values.jobs)];
  if (!isCount(times)) return print('--repeat takes a whole number from 1', 2);
  if (!isCount(jobs)) return print('--jobs takes a whole number from 1', 2);

  const interrupted = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => interrupted.abort());
  const chosen = rows.flatMap((row) => Array<typeof row>(times).fill(row));
  const reports: RowReport[] = [];
  await pLimit(jobs).map(chosen, async (row) => {
    if (!interrupted.signal.aborted) reports.push(await reportRow(row, interrupted.signal));
  });
  if (interrupted.signal.aborted) return 130;
  if (!values.json) print(reportTable(reports), 0);
  return reports.every(({ ok }) => ok) ? 0 : 1;
}

const isCount = (number: number): boolean => Number.isInteger(number) && number >= 1;

/** Prints the line as soon as the row has ended. */
async function reportRow(row: Row, signal: AbortSignal): Promise<RowReport> {
  const fault = faults[row.fault];
  if (fault === undefined) throw new Error(`the suite knows no fault ${row.fault}`);
  const report = await runRow(row, fault, signal);
  print(rowLine(report), 0);
  return report;
}

// What a row that was given up still asks its server comes back in a timer, with nobody to catch it.
process.on('uncaughtException', (failure) => {
  process.stderr.write(`${failure.stack}\n`);
  if (!/Channel has been shut down/.test(failure.message)) process.exit(1);
});

function print(text: string, exitCode: number): number {
  process.stdout.write(`${text}\n`);
  return exitCode;
}

process.exit(await main());
