/**
 * Many pipelines at once on two virtual devices: a real Temporal server, worker and supervised tools; only the tools do next to
 * nothing. Whether all end as they should, no device is leased twice, the line is kept and nothing is left; and how much memory
 * there is by quarter of the run. All gates come last, and with them the threads that score: a worker is flat when more
 * pipelines do not make it larger.
 * Run: npx tsx bench/many-pipelines.ts [pipelines]
 */
import { type ManyResult, runMany } from '../test/support/many-pipelines/run-many.js';

const pipelines = Number(process.argv[2] ?? 200);
const result = await runMany(pipelines);
const { wrongVerdicts, devices, line, left, processes } = result;
const problems = [
  ...wrongVerdicts,
  ...devices.overlaps,
  ...devices.wrongCounts,
  ...line.violations,
  ...line.wrongPlaces,
  ...left,
];
process.stdout.write(`${table(result)}\n`);
for (const problem of problems) process.stdout.write(`WRONG: ${problem}\n`);
if (problems.length > 0) process.exitCode = 1;
process.stdout.write(`${JSON.stringify(result)}\n`);

function table({ verdicts, toolRuns, seconds }: ManyResult): string {
  const shares = Object.entries(devices.busyShares).map(([device, share]) => `${device} ${(100 * share).toFixed(0)} %`);
  const counts = (of: Record<string, number>): string =>
    Object.entries(of)
      .map(([name, count]) => `${count} ${name}`)
      .join(', ');
  const memory = Object.entries(processes).map(([name, { quarters, ratio, peakMebibytes, cpuSeconds }]) => [
    name,
    `MiB by quarter ${quarters.map(Math.round).join(', ')}; fourth / second ${ratio.toFixed(3)}; peak ` +
      `${Math.round(peakMebibytes)}; ${Math.round(cpuSeconds)} s CPU`,
  ]);
  const rows = [
    ['pipelines', `${pipelines} in ${Math.round(seconds)} s: ${counts(verdicts)}; ${wrongVerdicts.length} wrong`],
    ['tools', counts(toolRuns)],
    [
      'devices',
      `${devices.overlaps.length} overlaps, ${devices.wrongCounts.length} wrong counts; busy ${shares.join(', ')}; leased ${(100 * line.leasedShare).toFixed(0)} % of the time`,
    ],
    [
      'line',
      `${line.grants} grants, ${line.violations.length} out of order; ${line.passed} passed one whose devices were kept`,
    ],
    [
      '',
      `longest ${line.longest}; ${line.attempts} attempts; waits: median ${line.waitSeconds.median.toFixed(1)} s, longest ${line.waitSeconds.longest.toFixed(1)} s`,
    ],
    ['', `${line.versions.seen} versions of the leases seen, ${line.versions.missed} missed`],
    ...memory,
    ['left', left.join('; ') || 'nothing'],
  ];
  return rows.map(([name = '', said = '']) => `${name.padEnd(14)}${said}`).join('\n');
}
