import { parseArgs } from 'node:util';
import { faults } from './fault-table.js';
import { reportTable, rowLine } from './report.js';
import { readRows, rowName, selectRows } from './rows.js';
import { type RowReport, runRow } from './run-row.js';

const HELP = `npm run chaos -- [--only FAULT[/STEP],…] [--repeat N] [--json] [--list]

Runs a whole pipeline for each row of test/chaos/faults.yaml, with the row's fault
injected in the middle of its step. Prints each row as a line of JSON, and a table.

  --only     only these rows, as in kill-worker or kill-worker/build
  --repeat   every row so many times (default 1)
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
      json: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return print(HELP, 0);
  const rows = selectRows(readRows(), values.only);
  if (values.list) return print(rows.map(rowName).join('\n'), 0);
  const times = Number(values.repeat);
  if (!Number.isInteger(times) || times < 1) return print('--repeat takes a whole number from 1', 2);

  const interrupted = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => interrupted.abort());
  const reports: RowReport[] = [];
  for (const row of rows.flatMap((each) => Array<typeof each>(times).fill(each))) {
    if (interrupted.signal.aborted) return 130;
    const fault = faults[row.fault];
    if (fault === undefined) return print(`the suite knows no fault ${row.fault}`, 2);
    const report = await runRow(row, fault, interrupted.signal);
    reports.push(report);
    print(rowLine(report), 0);
  }
  if (!values.json) print(reportTable(reports), 0);
  return reports.every(({ ok }) => ok) ? 0 : 1;
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
