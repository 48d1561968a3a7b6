import { expect, test } from 'vitest';
import { faults } from './suite/fault-table.js';
import { readRows, rowName, selectRows } from './suite/rows.js';
import { runRow } from './suite/run-row.js';

test('the suite knows every fault that its list names, and the list has every fault that it knows', () => {
  const listed = new Set(readRows().map(({ fault }) => fault));
  expect([...listed].sort()).toEqual(Object.keys(faults).sort());
});

/** One of a tool, one of the service, two of a user: `npm run chaos` runs all of them. */
const SHORT = 'kill-tool/build,deploy-worker/build,cancel/build,cancel-unheard';

test.for(selectRows(readRows(), SHORT).map((row) => ({ name: rowName(row), row })))(
  '$name: the pipeline ends as it should, and nothing is wrong, repeated or left behind',
  { timeout: 300_000 },
  async ({ row }, { skip }) => {
    const fault = faults[row.fault];
    if (fault === undefined) throw new Error(`no fault ${row.fault}`);
    const report = await runRow(row, fault);
    skip(report.outcome === 'SKIPPED', report.problems.join());
    expect(report).toMatchObject({ ok: true, problems: [] });
  },
);
