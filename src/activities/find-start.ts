import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ArtifactReference, Digest } from '../contracts/artifacts.js';
import { EnginesmithFailure } from '../contracts/failures.js';
import type { Spec } from '../contracts/spec.js';
import type { ArtifactStore } from '../platform/store/artifact-store.js';
import { checkImportedEngine } from '../toolchains/check-engine.js';
import { checkMapping, parseCheckpointConfig, parseEngineConfig } from '../toolchains/checkpoint-config.js';
import type { ToolchainRelease } from '../toolchains/releases.js';

/** Engines do not move between releases, and say which one built them. */
function requireRelease(config: string, { release }: Pick<ToolchainRelease, 'release'>): void {
  const { version } = parseEngineConfig(config);
  if (`v${version}` === release) return;
  throw new EnginesmithFailure('ToolOutputInvalid', `it was built by v${version}; the spec asks for ${release}`);
}

/**
 * The checkpoint or the engine that a spec starts from, held against what the spec says of it before anything is built.
 * @returns null where the spec starts from its model
 * @throws EnginesmithFailure `InvalidSpec` naming what the store does not have, or what is another thing than the spec says
 */
export async function findStart(
  store: ArtifactStore,
  spec: Spec,
  toolchain: Pick<ToolchainRelease, 'release'>,
): Promise<ArtifactReference | null> {
  const { checkpoint, engine } = spec.start ?? {};
  if (engine !== undefined) {
    return find(store, { digest: engine, kind: 'engine' }, (config) => {
      requireRelease(config, toolchain);
      checkImportedEngine(config, spec);
    });
  }
  if (checkpoint === undefined) return null;
  return find(store, { digest: checkpoint, kind: 'checkpoint' }, (config) =>
    checkMapping(parseCheckpointConfig(config), spec.parallelism, spec.quantization),
  );
}

async function find(
  store: ArtifactStore,
  { digest, kind }: { digest: Digest; kind: 'checkpoint' | 'engine' },
  check: (config: string) => void,
): Promise<ArtifactReference> {
  const field = `start.${kind}`;
  const refuse = (problem: string, cause?: unknown): EnginesmithFailure =>
    new EnginesmithFailure('InvalidSpec', `${field}: ${digest.slice(0, 12)} cannot be started from: ${problem}.`, {
      cause,
      context: { field, digest },
    });
  const found = await store.describe(digest);
  if (found === undefined) {
    throw refuse(`the store does not have it; take it in with \`enginesmith artifacts import ${kind} DIRECTORY\``);
  }
  if (found.reference.kind !== kind) throw refuse(`it is of kind ${found.reference.kind}`);
  const directory = await store.materialize({ digest });
  try {
    check(await readFile(join(directory, 'config.json'), 'utf8'));
  } catch (failure) {
    if (failure instanceof EnginesmithFailure) throw refuse(failure.message, failure);
    throw failure;
  }
  return found.reference;
}
