import { Command, InvalidArgumentError } from 'commander';
import { connected } from './connect.js';
import { createOutput, type OutputOptions } from './output.js';

export const rollbackCommand = (): Command =>
  new Command('rollback')
    .description(
      'Brings an earlier revision back, as a new one: it is started beside what serves,\nsmoke-tested, and only then takes the name. Pipelines that run meanwhile for the\nname become stale.',
    )
    .argument('<name>', 'deployment, as `deployments` lists it')
    .option(
      '--to <number>',
      'revision, as `deployments NAME` lists it (default: the newest earlier one that differs)',
      revisionNumber,
    )
    .option('--json', 'print {"name","revision","rollbackOf","grpcUrl",…}')
    .addHelpText(
      'after',
      '\nExamples:\n  $ npx enginesmith rollback smollm2-135m-fp8\n  $ npx enginesmith rollback smollm2-135m-fp8 --to 3',
    )
    .action(rollback);

function revisionNumber(text: string): number {
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be the number of a revision.');
}

async function rollback(name: string, { to, ...options }: OutputOptions & { to?: number }): Promise<void> {
  await connected(async ({ enginesmith }) => {
    const { endpoint, rollbackOf, smoke, downtimeMs } = await enginesmith.rollback(name, to);
    const { revision, grpcUrl, httpUrl } = endpoint;
    const { timeToFirstTokenMs } = smoke;
    createOutput(options).result(
      { name, revision, rollbackOf, grpcUrl, httpUrl, downtimeMs, timeToFirstTokenMs },
      [
        `${name}: serving, revision ${revision}, which is revision ${rollbackOf} again`,
        `  gRPC ${grpcUrl}, HTTP ${httpUrl}`,
        `  first token after ${Math.round(timeToFirstTokenMs)} ms; ${downtime(downtimeMs)}`,
      ].join('\n'),
    );
  });
}

const downtime = (durationMs: number): string =>
  durationMs === 0 ? 'no downtime' : `${(durationMs / 1000).toFixed(1)} s without a server`;
