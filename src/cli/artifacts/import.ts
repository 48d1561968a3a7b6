import { Command } from 'commander';
import { EnginesmithFailure } from '../../contracts/failures.js';
import { type Importable, importArtifact, importable } from '../import-artifact.js';
import { createOutput, type OutputOptions } from '../output.js';
import { withStore } from './open-store.js';

const notes = `
The files are copied, and pinned until \`artifacts unpin\`; a spec then names them
by their digest:

  model: { repository: local/my-llama, revision: 9c1b… }
  start: { engine: 3f2a… }

With one argument it takes in a bundle of \`artifacts export\`: all of it is
verified before anything becomes visible, and it may be done again.

Run it where the store of the workers is (ENGINESMITH_HOME).

Examples:
  $ npx enginesmith artifacts import model /models/Llama-2-13b-chat-hf
  $ npx enginesmith artifacts import engine /models/llama2-13b/trt_engines
  $ npx enginesmith artifacts import checkpoint ./quantized_fp8_tp2 --json
  $ npx enginesmith artifacts import run.tar`;

export const importCommand = (): Command =>
  new Command('import')
    .description(
      'Takes what you have into the store: a model, dataset, checkpoint or engine,\nor a bundle of another store.',
    )
    .argument('<kind>', `${Object.keys(importable).join(', ')}; or the path of a bundle`)
    .argument('[directory]', 'as a Hub repository or a TensorRT-LLM tool leaves it')
    .option('--json', 'print {"kind","digest","bytes"}, or {"digest","artifacts","added"}')
    .addHelpText('after', notes)
    .action((kind: string, directory: string | undefined, options: OutputOptions) =>
      directory === undefined ? importBundle(kind, options) : importArtifact(importableKind(kind), directory, options),
    );

const isImportable = (kind: string): kind is Importable => Object.hasOwn(importable, kind);

function importableKind(kind: string): Importable {
  if (isImportable(kind)) return kind;
  throw new EnginesmithFailure(
    'NotFound',
    `"${kind}" cannot be taken in: name ${Object.keys(importable).join(', ')}, or a bundle alone.`,
  );
}

async function importBundle(path: string, options: OutputOptions): Promise<void> {
  if (isImportable(path)) throw new EnginesmithFailure('NotFound', `Name the directory in which the ${path} lies.`);
  await withStore(async (store) => {
    const { bundle, added } = await store.importBundle(path);
    const { artifacts, digest } = bundle;
    const known = artifacts.length - added.length;
    createOutput(options).result(
      { digest, artifacts, added },
      `Imported ${added.length} of ${artifacts.length} artifacts${known === 0 ? '' : `; ${known} were there already`}.`,
    );
  });
}
