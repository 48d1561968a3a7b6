import { cp, mkdir, readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { actionKey } from '../contracts/action-key.js';
import type { Digest } from '../contracts/artifacts.js';
import { EnginesmithFailure } from '../contracts/failures.js';
import { readConfiguration } from '../platform/config.js';
import { selectDatasetFiles, selectModelFiles } from '../platform/hub/select-files.js';
import { findSafetensorsDamage } from '../platform/safetensors.js';
import { openArtifactStore } from '../platform/store/open-store.js';
import { parseCheckpointConfig, parseEngineConfig } from '../toolchains/checkpoint-config.js';
import { withStore } from './artifacts/open-store.js';
import { attestImport } from './attest-import.js';
import { createOutput, type OutputOptions } from './output.js';

interface ImportableKind {
  /** The files of the directory that are taken in. Refuses one that is no whole artifact of the kind. */
  select(directory: string): Promise<string[]>;
  /** What a spec says to use it. */
  field(digest: Digest, directory: string): string;
}

/** What can be taken in. */
export const importable = {
  model: {
    select: async (directory) => selectModelFiles(await filesBelow(directory)).map(({ path }) => path),
    field: (digest, directory) => `model: { repository: ${localName(directory)}, revision: ${digest} }`,
  },
  dataset: {
    select: async (directory) => selectDatasetFiles(await filesBelow(directory)).map(({ path }) => path),
    field: (digest, directory) => `gate: { dataset: { repository: ${localName(directory)}, revision: ${digest} } }`,
  },
  checkpoint: {
    select: (directory) =>
      selectRanks(directory, 'checkpoint', {
        extension: 'safetensors',
        ranksOf: (text) => parseCheckpointConfig(text).mapping.world_size,
      }),
    field: (digest) => `start: { checkpoint: ${digest} }`,
  },
  engine: {
    select: (directory) =>
      selectRanks(directory, 'engine', {
        extension: 'engine',
        ranksOf: (text) => parseEngineConfig(text).pretrained_config.mapping.world_size,
      }),
    field: (digest) => `start: { engine: ${digest} }`,
  },
} as const satisfies Record<string, ImportableKind>;
export type Importable = keyof typeof importable;

/**
 * Copies a directory that was made elsewhere into the store.
 * @throws EnginesmithFailure `NotFound`, `UnsupportedModel` or `ToolOutputInvalid` where the files are none of that kind
 */
export async function importArtifact(kind: Importable, given: string, { json }: OutputOptions): Promise<void> {
  const directory = resolve(given);
  const { select, field } = importable[kind];
  const paths = await select(directory);
  await requireWholeWeights(directory, paths);
  const configuration = readConfiguration(process.env);
  const store = await openArtifactStore(configuration);
  try {
    const startedAt = new Date().toISOString();
    const attemptId = `import-${startedAt.replaceAll(/\D/g, '')}`;
    const attest = await attestImport(configuration, { attemptId, kind, directory, startedAt });
    const staging = await store.stage(kind);
    try {
      for (const path of paths) {
        const to = join(staging.directory, path);
        await mkdir(dirname(to), { recursive: true });
        // Copied, never linked: what is in the store must not change when its maker writes there again.
        await cp(join(directory, path), to, { dereference: true });
      }
      const { reference, adopted } = await staging.commit({
        key: actionKey({
          step: 'import',
          stepVersion: 1,
          toolchainIdentity: null,
          parameters: { kind, directory, host: configuration.host, startedAt },
          inputs: {},
          gpuArchitecture: null,
        }),
        attest,
        record: {
          attemptId,
          step: 'import',
          argv: [],
          environment: {},
          startedAt,
          endedAt: new Date().toISOString(),
          host: configuration.host,
          toolchain: null,
        },
      });
      // What no pipeline made is nobody's last run: without a pin it would be garbage from the start.
      await withStore((opened) => opened.pins.pin(reference.digest, `imported from ${directory}`));
      const found = adopted ? 'The store had this already' : 'Imported';
      const text = `${found}: ${kind} ${reference.digest}\n\n${field(reference.digest, directory)}`;
      createOutput({ json }).result(reference, text);
    } finally {
      await staging.discard();
    }
  } finally {
    await store.close();
  }
}

const missing = (kind: Importable, directory: string, what: string): EnginesmithFailure =>
  new EnginesmithFailure('NotFound', `${directory} has no ${what}: it is no whole ${kind}.`);

/** @throws EnginesmithFailure `ToolOutputInvalid` naming the first file of weights that is cut off, or none */
async function requireWholeWeights(directory: string, paths: readonly string[]): Promise<void> {
  for (const path of paths.filter((name) => name.endsWith('.safetensors'))) {
    const damage = await findSafetensorsDamage(join(directory, path));
    if (damage === undefined) continue;
    throw new EnginesmithFailure('ToolOutputInvalid', `${join(directory, path)} ${damage}: copy or make it again.`, {
      context: { file: path },
    });
  }
}

/** All files, also those that links stand for: a snapshot in the Hub's own cache is made of links. */
async function filesBelow(directory: string): Promise<{ path: string }[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch((cause: unknown) => {
    throw new EnginesmithFailure('NotFound', `${directory} cannot be read as a directory.`, { cause });
  });
  const paths = [];
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    const isFile = entry.isFile() || (entry.isSymbolicLink() && (await stat(path)).isFile());
    if (isFile) paths.push({ path: relative(directory, path) });
  }
  return paths;
}

async function selectRanks(
  directory: string,
  kind: 'checkpoint' | 'engine',
  { extension, ranksOf }: { extension: string; ranksOf: (config: string) => number },
): Promise<string[]> {
  const text = await readFile(join(directory, 'config.json'), 'utf8').catch(() => undefined);
  if (text === undefined) throw missing(kind, directory, 'config.json');
  if (kind === 'checkpoint' && /"build_config"\s*:/.test(text)) {
    throw new EnginesmithFailure('NotFound', `${directory} is an engine: import it as one.`);
  }
  for (let rank = 0; rank < ranksOf(text); rank += 1) {
    const name = `rank${rank}.${extension}`;
    const found = await stat(join(directory, name)).catch(() => undefined);
    if (found === undefined || found.size === 0) throw missing(kind, directory, name);
  }
  return (await filesBelow(directory)).map(({ path }) => path);
}

/** For people: what the store has is named by its digest alone. */
const localName = (directory: string): string =>
  `local/${
    basename(directory)
      .replaceAll(/[^A-Za-z0-9._-]+|\.\.+/g, '-')
      .replace(/^[^A-Za-z0-9]+/, '') || 'imported'
  }`;
