import Table from 'cli-table3';
import { Command } from 'commander';
import { EnginesmithFailure } from '../contracts/failures.js';
import { type GpuDevice, uuidOf } from '../platform/gpus/device.js';
import { gibibytes } from '../preflight/check.js';
import { noBorders } from './no-borders.js';
import { createOutput, type OutputOptions } from './output.js';
import { openThisHost } from './this-host.js';

export const gpusCommand = (): Command =>
  new Command('gpus')
    .description(
      'Shows the GPUs of this host that steps may lease, who has them and since when,\nwho waits in which order, and which are in quarantine. Run it on the host itself.',
    )
    .option('--json', 'print {"host","driver","devices","waiters","quarantined"}')
    .addHelpText(
      'after',
      "\nExamples:\n  $ npx enginesmith gpus\n  $ npx enginesmith gpus --json | jq '.devices[] | select(.holder == null)'",
    )
    .action(gpus);

async function gpus(options: OutputOptions): Promise<void> {
  const { configuration, gpus: host, leases } = await openThisHost();
  if ('problem' in host) throw new EnginesmithFailure('PrerequisiteMissing', host.problem);
  const [{ driver, gpus: listed }, report] = await Promise.all([host.inventory(), leases.report()]);
  const devices = host.devices.map((device) => {
    const uuid = uuidOf(device);
    const gpu = listed.find((one) => one.uuid === uuid || one.uuid === device.mig?.parentUuid);
    const lease = report.leases.find((one) => one.uuid === uuid);
    const loan = report.loans.find((one) => one.uuid === uuid);
    return {
      index: device.index,
      uuid,
      name: gpu?.name ?? null,
      class: device.class,
      migProfile: device.mig?.profile ?? null,
      memoryBytes: device.memoryBytes,
      memoryFreeBytes: device.mig === undefined ? (gpu?.memoryFreeBytes ?? null) : null,
      state: stateOf(uuid, lease !== undefined, report),
      holder: lease?.holder ?? null,
      since: lease?.since ?? null,
      serving: lease?.serving ?? false,
      lentBy: loan?.holder ?? null,
    };
  });
  const { waiters, quarantined } = report;
  const result = { host: configuration.host, driver, devices, waiters, quarantined };
  createOutput(options).result(result, text(result));
}

type Named = readonly { uuid: string }[];

function stateOf(
  uuid: string,
  isLeased: boolean,
  { quarantined, loans }: { quarantined: Named; loans: Named },
): string {
  if (isLeased) return 'leased';
  if (quarantined.some((one) => one.uuid === uuid)) return 'quarantined';
  return loans.some((one) => one.uuid === uuid) ? 'lent' : 'free';
}

interface GpusResult {
  host: string;
  driver: string | null;
  devices: (Pick<GpuDevice, 'index' | 'class' | 'memoryBytes'> & {
    uuid: string;
    name: string | null;
    migProfile: string | null;
    memoryFreeBytes: number | null;
    state: string;
    holder: string | null;
    since: string | null;
    lentBy: string | null;
  })[];
  waiters: readonly { holder: string; count: number; class?: string | undefined; since: string }[];
  quarantined: readonly { index: number; reason: string; pids: number[]; since: string }[];
}

/** Device, state and holder in a table; names are long, so what they say of one device takes a line of its own. */
function text({ host, driver, devices, waiters, quarantined }: GpusResult): string {
  const table = new Table({
    head: ['GPU', 'CLASS', 'MEMORY', 'FREE', 'STATE', 'SINCE'],
    chars: noBorders,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 },
  });
  for (const { index, class: gpuClass, migProfile, memoryBytes, memoryFreeBytes, state, since } of devices) {
    const free = memoryFreeBytes === null ? '-' : gibibytes(memoryFreeBytes);
    table.push([
      `${index}${migProfile === null ? '' : ` ${migProfile}`}`,
      gpuClass,
      gibibytes(memoryBytes),
      free,
      state,
      since ?? '-',
    ]);
  }
  const named = devices.map(
    ({ index, uuid, name, holder, lentBy }) =>
      `  GPU ${index}  ${uuid}${name === null ? '' : `, ${name}`}${holder === null ? '' : `\n    leased to ${holder}`}` +
      (lentBy === null ? '' : `\n    lent by ${lentBy}, which serves nothing meanwhile`),
  );
  return [
    `${host}, ${driver === null ? 'virtual devices' : `driver ${driver}`}`,
    ...table
      .toString()
      .split('\n')
      .map((line) => line.trimEnd()),
    '',
    ...named,
    ...(waiters.length === 0 ? [] : ['', 'Waiting, first come first served:']),
    ...waiters.map(
      ({ holder, count, class: gpuClass, since }, index) =>
        `  ${index + 1}. ${holder}\n     ${count} of ${gpuClass ?? 'any class'} since ${since}`,
    ),
    ...(quarantined.length === 0 ? [] : ['', 'In quarantine (`npx enginesmith doctor` says what to do):']),
    ...quarantined.map(
      ({ index, reason, pids, since }) =>
        `  GPU ${index} since ${since}: ${reason}${pids.length === 0 ? '' : ` (${pids.join(', ')})`}`,
    ),
  ].join('\n');
}
