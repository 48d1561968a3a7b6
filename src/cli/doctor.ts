import { Command } from 'commander';
import pc from 'picocolors';
import { type CheckResult, runChecks } from '../preflight/check.js';
import { checks } from '../preflight/checks.js';
import { findDev } from './environment/dev-record.js';
import { exitCodes } from './exit-codes.js';
import { oneScreen } from './one-screen.js';
import { createOutput, type OutputOptions } from './output.js';
import { openThisHost } from './this-host.js';

export const doctorCommand = (): Command =>
  new Command('doctor')
    .description(
      'Checks this host before hours are spent on it: driver, GPUs and strangers on\nthem, toolchain, docker, limits, shared memory, memory, disk, Temporal. Changes\nnothing. Exits 4 where a check fails.',
    )
    .option('--json', 'print {"host","status","checks":[{"check","status",…}]}')
    .addHelpText(
      'after',
      '\nExamples:\n  $ npx enginesmith doctor\n  $ npx enginesmith doctor --json | jq \'.checks[] | select(.status != "ok")\'',
    )
    .action(doctor);

async function doctor(options: OutputOptions): Promise<void> {
  const { gpus, ...host } = await openThisHost();
  const dev = process.env.TEMPORAL_ADDRESS ? undefined : await findDev(host.configuration.home);
  const results = await runChecks(checks, {
    ...host,
    gpus,
    devices: 'problem' in gpus ? [] : gpus.devices,
    environment: process.env,
    temporalAddress: dev?.temporalAddress,
  });
  const status = worst(results);
  const { host: name } = host.configuration;
  createOutput(options).result({ host: name, status, checks: results }, text(name, results));
  if (status === 'fail') process.exitCode = exitCodes.failed;
}

const worst = (results: readonly CheckResult[]): CheckResult['status'] =>
  (['fail', 'warn'] as const).find((status) => results.some((result) => result.status === status)) ?? 'ok';

const marks = { ok: pc.green('ok  '), warn: pc.yellow('warn'), fail: pc.red('fail') };

/** One line a finding, with what to do below it. */
function text(host: string, results: readonly CheckResult[]): string {
  const lines = results.flatMap(({ check, status, found, remedy }) => [
    wrapped(`${marks[status]}  ${check.padEnd(14)} ${found}`),
    ...(remedy === null ? [] : [wrapped(`      ${remedy}`)]),
  ]);
  const count = (status: CheckResult['status']): number => results.filter((result) => result.status === status).length;
  return [`${host}:`, ...lines, '', `${count('ok')} ok, ${count('warn')} warn, ${count('fail')} fail`].join('\n');
}

const wrapped = (line: string): string => oneScreen(line, '--json has all');
