import { Command } from 'commander';
import { readConfiguration } from '../platform/config.js';
import { startDevEnvironment } from './environment/dev-environment.js';
import type { DevRecord } from './environment/dev-record.js';
import { port } from './environment/ports.js';
import { stopDevOf } from './environment/stop-dev.js';
import { exitCodes } from './exit-codes.js';
import { onInterrupt } from './interrupts.js';
import { createOutput, type Output, type OutputOptions } from './output.js';

const notes = `
Everything listens on 127.0.0.1. State is kept under ENGINESMITH_HOME (default
~/.local/share/enginesmith) and goes on with the next \`dev\`: pipelines where
they were, deployments as soon as their Triton is up. The Hub mirror serves
ENGINESMITH_HUB_MIRROR, unless HF_ENDPOINT names another Hub. A part that ends
is started again.

Examples:
  $ npx enginesmith dev
  $ npx enginesmith dev --port 7300 --ui-port 8300
  $ npx enginesmith dev --stop`;

export const devCommand = (): Command =>
  new Command('dev')
    .description(
      'Runs the embedded environment until Ctrl-C: a Temporal server with its Web UI,\na Hub mirror, an evidence server, and a worker with every role.',
    )
    .option('--stop', 'end the one that runs, and wait')
    .option('--port <port>', "Temporal's port (default: 7233, or a free one)", port)
    .option('--ui-port <port>', "the Web UI's port (default: 8233, or a free one)", port)
    .option('--json', 'print the addresses as JSON when it is ready')
    .addHelpText('after', notes)
    .action(dev);

interface DevCommandOptions extends OutputOptions {
  stop?: boolean;
  port?: number;
  uiPort?: number;
}

async function dev({ stop = false, port, uiPort, json }: DevCommandOptions): Promise<void> {
  const output = createOutput({ json });
  const configuration = readConfiguration(process.env);
  if (stop) {
    const stopped = await stopDevOf(configuration, output.note);
    output.result({ stopped }, stopped ? 'Stopped.' : 'Nothing runs.');
    return;
  }
  const interrupted = new AbortController();
  // A second Ctrl-C changes nothing: leaving at once would leave Temporal and Triton behind.
  onInterrupt(
    () => interrupted.abort(),
    () => output.note('Still stopping …'),
  );
  output.note('Starting Temporal, the Hub mirror, the evidence server and the worker …');
  try {
    const environment = await startDevEnvironment({
      configuration,
      port,
      uiPort,
      note: output.note,
      signal: interrupted.signal,
    });
    output.result(describe(environment.record), readyText(environment.record));
    const failure = await Promise.race([environment.broken, aborted(interrupted.signal)]);
    output.note('Stopping …');
    noteEndedJobs(await environment.stop(), output);
    if (failure !== undefined) throw failure;
  } catch (failure) {
    if (!interrupted.signal.aborted) throw failure;
    process.exitCode = exitCodes.cancelled;
  }
}

const aborted = (signal: AbortSignal): Promise<undefined> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });

const describe = ({ temporalAddress, webUi, evidenceUrl, hubEndpoint, metricsUrl, logs }: DevRecord) => ({
  temporalAddress,
  webUi,
  evidenceUrl,
  hubEndpoint,
  metricsUrl,
  logs,
});

const readyText = ({ temporalAddress, webUi, evidenceUrl, hubEndpoint, metricsUrl, logs }: DevRecord): string =>
  `Ready. Ctrl-C ends it.
  Temporal  ${temporalAddress}
  Web UI    ${webUi}
  Evidence  ${evidenceUrl}
  Hub       ${hubEndpoint}
  Metrics   ${metricsUrl}
  Logs      ${logs}
In another terminal: npx enginesmith run examples/smollm2-135m-fp8.yaml`;

/** Jobs that serve are named after Triton; all the others are steps. */
function noteEndedJobs(jobs: string[], { note }: Output): void {
  const served = jobs.filter((id) => id.startsWith('triton-')).length;
  if (served > 0)
    note(`${served} served model(s) ended; deployments are durable and serve again with the next \`dev\`.`);
  const steps = jobs.length - served;
  if (steps > 0) note(`${steps} running step(s) ended; their pipelines go on with the next \`dev\`.`);
}
