import { stat } from 'node:fs/promises';
import { Command } from 'commander';
import { EnginesmithFailure } from '../contracts/failures.js';
import { startHubMirror } from '../platform/hub-mirror/hub-mirror.js';
import { port } from './environment/ports.js';
import { onInterrupt } from './interrupts.js';
import { createOutput, type OutputOptions } from './output.js';

const notes = `
The directory holds {models,datasets}/OWNER/NAME/REVISION/FILES. Beside the
revisions, a hub.json with {"gated":true} asks for one of the tokens in
ENGINESMITH_HUB_TOKENS (separated by commas).

Examples:
  $ npx enginesmith hub serve --directory /srv/hub --port 8400
  $ HF_ENDPOINT=http://127.0.0.1:8400 enginesmith dev`;

export const hubCommand = (): Command =>
  new Command('hub')
    .description('A Hugging Face Hub of your own, for hosts without the real one.')
    .addCommand(
      new Command('serve')
        .description(
          "Serves a directory over the Hub's protocol until Ctrl-C, to this service and to\nthe official clients.",
        )
        .requiredOption('--directory <directory>', 'what to serve')
        .option('--port <port>', 'port to listen on', port, 8400)
        .option('--host <address>', 'address to listen on', '127.0.0.1')
        .option('--json', 'print {"url"} when it listens')
        .addHelpText('after', notes)
        .action(serve),
    );

interface ServeOptions extends OutputOptions {
  directory: string;
  port: number;
  host: string;
}

async function serve({ directory, port, host, json }: ServeOptions): Promise<void> {
  if (!(await isDirectory(directory))) {
    throw new EnginesmithFailure('NotFound', `${directory} is no directory: nothing can be served from it.`);
  }
  const tokens = (process.env.ENGINESMITH_HUB_TOKENS ?? '').split(',').filter((token) => token !== '');
  const mirror = await startHubMirror({ directory, port, host, tokens });
  createOutput({ json }).result({ url: mirror.url }, `HF_ENDPOINT=${mirror.url}`);
  await new Promise<void>((resolve) => onInterrupt(resolve));
  await mirror.close();
}

const isDirectory = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
