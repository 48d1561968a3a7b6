import { cp, readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Argument, Command } from 'commander';
import { actionKey } from '../contracts/action-key.js';
import { EnginesmithFailure } from '../contracts/failures.js';
import { readConfiguration } from '../platform/config.js';
import { placesOf } from '../platform/places.js';
import { createArtifactStore } from '../platform/store/artifact-store.js';
import { parseCheckpointConfig, parseEngineConfig } from '../toolchains/checkpoint-config.js';
import { createOutput, type OutputOptions } from './output.js';

const notes = `
The files are copied; a spec then starts from them by their digest:

  start: { engine: 3f2a… }

Run it where the store of the workers is (ENGINESMITH_HOME).

Examples:
  $ npx enginesmith artifacts import engine /models/llama2-13b/trt_engines
  $ npx enginesmith artifacts import checkpoint ./quantized_fp8_tp2 --json`;

/** What can be taken in, and how its config.json says how many ranks it has. */
const importable = {
  checkpoint: { extension: 'safetensors', ranksOf: (text: string) => parseCheckpointConfig(text).mapping.world_size },
  engine: {
    extension: 'engine',
    ranksOf: (text: string) => parseEngineConfig(text).pretrained_config.mapping.world_size,
  },
} as const;
type Importable = keyof typeof importable;

export const artifactsCommand = (): Command =>
  new Command('artifacts').description('The artifact store.').addCommand(
    new Command('import')
      .description('Takes a checkpoint or an engine that was made elsewhere into the store.')
      .addArgument(new Argument('<kind>').choices(Object.keys(importable)))
      .argument('<directory>', 'config.json and one rank*.safetensors, or rank*.engine, a rank')
      .option('--json', 'print {"kind","digest","bytes"}')
      .addHelpText('after', notes)
      .action(importArtifact),
  );

/** @throws EnginesmithFailure `NotFound`, or `ToolOutputInvalid` where the files are none of that kind */
async function importArtifact(kind: Importable, given: string, { json }: OutputOptions): Promise<void> {
  const directory = resolve(given);
  await requireFiles(kind, directory);
  const configuration = readConfiguration(process.env);
  const store = createArtifactStore({ directory: placesOf(configuration).store, cacheDirectory: configuration.cache });
  try {
    const startedAt = new Date().toISOString();
    const staging = await store.stage(kind);
    try {
      // Copied, never linked: what is in the store must not change when its maker writes there again.
      await cp(directory, staging.directory, { recursive: true, dereference: true });
      const { reference, adopted } = await staging.commit({
        key: actionKey({
          step: 'import',
          stepVersion: 1,
          toolchainIdentity: null,
          parameters: { kind, directory, host: configuration.host, startedAt },
          inputs: {},
          gpuArchitecture: null,
        }),
        record: {
          attemptId: `import-${startedAt.replaceAll(/\D/g, '')}`,
          step: 'import',
          argv: [],
          environment: {},
          startedAt,
          endedAt: new Date().toISOString(),
          host: configuration.host,
          toolchain: null,
        },
      });
      const text = `${adopted ? 'The store had this already' : 'Imported'}: ${kind} ${reference.digest}\n\nstart: { ${kind}: ${reference.digest} }`;
      createOutput({ json }).result(reference, text);
    } finally {
      await staging.discard();
    }
  } finally {
    await store.close();
  }
}

async function requireFiles(kind: Importable, directory: string): Promise<void> {
  const { extension, ranksOf } = importable[kind];
  const missing = (name: string): EnginesmithFailure =>
    new EnginesmithFailure('NotFound', `${directory} has no ${name}: it is no whole ${kind} of TensorRT-LLM.`);
  const text = await readFile(join(directory, 'config.json'), 'utf8').catch(() => undefined);
  if (text === undefined) throw missing('config.json');
  for (let rank = 0; rank < ranksOf(text); rank += 1) {
    const name = `rank${rank}.${extension}`;
    const found = await stat(join(directory, name)).catch(() => undefined);
    if (found === undefined || found.size === 0) throw missing(name);
  }
}
