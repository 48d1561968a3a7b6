import { generateKeyPairSync } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ArtifactKind, ArtifactReference, Digest } from '../../../src/contracts/artifacts.js';
import { attestationFile } from '../../../src/platform/provenance/attestation.js';
import { keyIdOf, type SigningKey } from '../../../src/platform/provenance/keys.js';
import { makeProvenance } from '../../../src/platform/provenance/make-provenance.js';
import { artifactDescriptor } from '../../../src/platform/provenance/statement.js';
import type { ArtifactStore } from '../../../src/platform/store/artifact-store.js';
import { type FileContents, keyOf, record, writeFiles } from '../store/store-fixture.js';

export function keyPair() {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const keyId = keyIdOf(publicKey);
  return { signing: { key: privateKey, keyId }, trusted: { key: publicKey, keyId } };
}

interface Made {
  kind: ArtifactKind;
  files?: FileContents;
  inputs?: Record<string, Digest>;
  key: SigningKey | null;
  /** Of the attempt; another one for the same content is another statement. */
  attempt?: string;
}

/** Commits an artifact with a statement of how it was made. */
export async function makeWithStatement(
  store: ArtifactStore,
  { kind, files = { 'config.json': kind }, inputs = {}, key, attempt = 'attempt-1' }: Made,
): Promise<ArtifactReference> {
  const staging = await store.stage(kind);
  await writeFiles(staging.directory, files);
  const { reference } = await staging.commit({
    key: keyOf(`${kind} ${JSON.stringify([files, inputs])} ${attempt}`),
    record: { ...record, attemptId: attempt },
    attest: (made) =>
      attestationFile(
        attempt,
        makeProvenance(made, {
          kind: 'step',
          externalParameters: { step: kind },
          internalParameters: {},
          dependencies: Object.entries(inputs).map(([role, digest]) => artifactDescriptor(role, digest)),
          host: record.host,
          invocationId: attempt,
          startedAt: record.startedAt,
          endedAt: record.endedAt,
          argv: record.argv,
          environment: record.environment,
          gpus: [],
        }),
        key,
      ),
  });
  return reference;
}

/** A model, its checkpoint and its engine, each made of the one before. */
export async function makeChain(store: ArtifactStore, key: SigningKey | null) {
  const model = await makeWithStatement(store, { kind: 'model', key });
  const checkpoint = await makeWithStatement(store, { kind: 'checkpoint', inputs: { model: model.digest }, key });
  const engine = await makeWithStatement(store, { kind: 'engine', inputs: { checkpoint: checkpoint.digest }, key });
  return { model, checkpoint, engine };
}

/** The files of the statements about an artifact. */
export async function statementFiles(storeDirectory: string, digest: Digest): Promise<string[]> {
  const directory = join(storeDirectory, 'attestations', digest.slice(0, 2), digest);
  return (await readdir(directory)).map((name) => join(directory, name));
}

/** The text of the first statement about an artifact. */
export async function statementText(storeDirectory: string, digest: Digest): Promise<string> {
  const [file = ''] = await statementFiles(storeDirectory, digest);
  return readFile(file, 'utf8');
}
