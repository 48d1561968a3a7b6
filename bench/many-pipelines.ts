/**
 * Many pipelines at once on two virtual devices: a real Temporal server, worker and supervised tools; only the tools do next to
 * nothing. Whether all end as they should, no device is leased twice, the line is kept and nothing is left. With several waves,
 * one after the other in the same workers, also whether more pipelines make those larger.
 * Run: npx tsx bench/many-pipelines.ts [pipelines at once] [waves]
 */
import { type ManyResult, runMany } from '../test/support/many-pipelines/run-many.js';

const pipelines = Number(process.argv[2] ?? 200);
const waves = Number(process.argv[3] ?? 1);
const result = await runMany(pipelines, { waves });
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
  const memory = Object.entries(processes).map(([name, samples]) => {
    const [first, last] = [samples[0], samples.at(-1)];
    const ratio = (last?.medianMebibytes ?? Number.NaN) / (first?.medianMebibytes ?? Number.NaN);
    const each = samples.map(
      ({ medianMebibytes, peakMebibytes, cpuSeconds }) =>
        `median ${Math.round(medianMebibytes)} MiB, peak ${Math.round(peakMebibytes)} MiB, ${Math.round(cpuSeconds)} s CPU`,
    );
    return [name, `${each.join('; then ')}${waves > 1 ? `; last wave / first ${ratio.toFixed(3)}` : ''}`];
  });
  const rows = [
    [
      'pipelines',
      `${waves} × ${pipelines} in ${Math.round(seconds)} s: ${counts(verdicts)}; ${wrongVerdicts.length} wrong`,
    ],
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
