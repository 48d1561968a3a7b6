import Table from 'cli-table3';
import type { RowReport } from './run-row.js';

/** One row as a line of JSON. */
export const rowLine = (report: RowReport): string => JSON.stringify(report);

/** All rows for people, and what was wrong with those that are not ok. */
export function reportTable(reports: readonly RowReport[]): string {
  const table = new Table({ head: ['', 'fault', 'step', 'outcome', 'recovery', 'proof'], style: { head: [] } });
  for (const { fault, step, proof, outcome, recoverySeconds, ok } of reports) {
    const recovery = recoverySeconds === null ? '' : `${recoverySeconds.toFixed(1)} s`;
    table.push([ok ? 'ok' : 'NOT OK', fault, step, outcome, recovery, proof ?? 'none']);
  }
  const wrong = reports
    .filter(({ ok }) => !ok)
    .map(({ fault, step, problems }) => [`${fault}/${step}:`, ...problems].join('\n  '));
  const sum = `${reports.filter(({ ok }) => ok).length} of ${reports.length} rows are ok.`;
  return [table.toString(), ...wrong, sum].join('\n');
}
