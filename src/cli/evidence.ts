import { Command } from 'commander';
import type { Digest } from '../contracts/artifacts.js';
import { EnginesmithFailure } from '../contracts/failures.js';
import { readConfiguration } from '../platform/config.js';
import { startEvidenceServer } from '../platform/evidence-server/evidence-server.js';
import { evidencePageUrl } from '../platform/evidence-url.js';
import { placesOf } from '../platform/places.js';
import { isSha256 } from '../platform/store/layout.js';
import { connected } from './connect.js';
import { findDev } from './environment/dev-record.js';
import { port } from './environment/ports.js';
import { evidenceDigest, evidencePageFile } from './evidence-page.js';
import { onInterrupt } from './interrupts.js';
import { createOutput, type OutputOptions } from './output.js';

const notes = `
The evidence is a page: the verdict, every article, and how to compute it again.
The embedded environment serves the pages of its home.

Examples:
  $ npx enginesmith evidence smollm2-135m-fp8-155477666537
  $ npx enginesmith evidence serve --port 8234`;

export const evidenceCommand = (): Command =>
  new Command('evidence')
    .description("Says where the evidence of a pipeline's last gate can be read.")
    .argument('<id>', 'workflow id, as `run` prints it, or the digest of an evidence')
    .option('--json', 'print {"digest","url","file"}')
    .addHelpText('after', notes)
    .action(show)
    .addCommand(
      new Command('serve')
        .description('Serves the evidence of this ENGINESMITH_HOME on 127.0.0.1 until Ctrl-C.')
        .option('--port <port>', 'port to listen on', port, 8234)
        .option('--json', 'print {"url"} when it listens')
        .addHelpText('after', '\nExamples:\n  $ npx enginesmith evidence serve --port 8300')
        // Without positional options, the command above takes --json, wherever it stands.
        .action((_, command: Command) => serve(command.optsWithGlobals())),
    );

async function show(id: string, options: OutputOptions): Promise<void> {
  const configuration = readConfiguration(process.env);
  const digest = isSha256(id) ? id : await digestOfPipeline(id);
  const dev = await findDev(configuration.home);
  const url = evidencePageUrl({ evidenceUrl: configuration.evidenceUrl ?? dev?.evidenceUrl }, digest);
  const file = evidencePageFile(configuration, digest);
  if (file === null && (url === null || isSha256(id))) throw notHere(digest);
  const places = [url, file].filter((place) => place !== null);
  createOutput(options).result({ digest, url, file }, places.join('\n'));
}

/** @throws EnginesmithFailure `NotFound` when no gate of it has decided yet */
const digestOfPipeline = (workflowId: string): Promise<Digest> =>
  connected(async ({ enginesmith, describe }) => {
    const { runId, status } = await describe(workflowId);
    // A result needs no worker; a question about what goes on does.
    if (status === 'COMPLETED') return (await enginesmith.result(workflowId, runId)).evidence.digest;
    const digest = evidenceDigest((await enginesmith.progress(workflowId, runId)).steps);
    if (digest !== null) return digest;
    throw new EnginesmithFailure('NotFound', `No gate of ${workflowId} has decided yet, so there is no evidence.`);
  });

const notHere = (digest: Digest): EnginesmithFailure =>
  new EnginesmithFailure(
    'NotFound',
    `This host has no evidence ${digest.slice(0, 12)} in its store. ENGINESMITH_HOME says where the store is.`,
    { context: { digest } },
  );

async function serve(options: OutputOptions & { port: number }): Promise<void> {
  const { store } = placesOf(readConfiguration(process.env));
  const server = await startEvidenceServer({ directory: store, port: options.port });
  createOutput(options).result({ url: server.url }, server.url);
  await new Promise<void>((resolve) => onInterrupt(resolve));
  await server.close();
}
