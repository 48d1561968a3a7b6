import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Command } from 'commander';
import type { Digest } from '../contracts/artifacts.js';
import { EnginesmithFailure } from '../contracts/failures.js';
import { readConfiguration } from '../platform/config.js';
import { readTrustedKeys } from '../platform/provenance/keys.js';
import { traceProvenance } from '../platform/provenance/trace.js';
import { createChainVerifier } from '../platform/provenance/verify-chain.js';
import type { ArtifactStore } from '../platform/store/artifact-store.js';
import { openArtifactStore } from '../platform/store/open-store.js';
import { createOutput, type OutputOptions } from './output.js';
import { provenanceText } from './provenance-text.js';

const notes = `
Statements are in-toto's, with SLSA's provenance: --json prints them whole. With
--verify, every one down to the model's commit must be signed by a trusted key,
and the artifact's files are hashed; what does not hold exits 4.

Examples:
  $ npx enginesmith artifacts provenance DIGEST
  $ npx enginesmith artifacts provenance --json DIGEST | jq .artifacts[0]
  $ npx enginesmith artifacts provenance --verify --trusted-key ci.pub DIGEST`;

export const provenanceCommand = (): Command =>
  new Command('provenance')
    .description('Says how an artifact was made, of what, and who vouches for it.')
    .argument('<digest>', 'of the artifact, as `status ID --json` has it')
    .option('--verify', 'check signatures and files')
    // Once for each file: an option of many values would take the digest for one.
    .option('--trusted-key <file>', 'public key, may be repeated; default ENGINESMITH_TRUSTED_KEYS', addTo)
    .option('--json', 'print {"digest","verified","artifacts"}')
    .addHelpText('after', notes)
    .action(show);

const addTo = (file: string, files: readonly string[] = []): string[] => [...files, file];

interface ProvenanceOptions extends OutputOptions {
  verify?: boolean;
  trustedKey?: string[];
}

/** @throws EnginesmithFailure `NotFound`; `ProvenanceRefused` or `ArtifactCorrupt` where it does not hold */
async function show(digest: string, options: ProvenanceOptions, command: Command): Promise<void> {
  const configuration = readConfiguration(process.env);
  const { verify = false, trustedKey = configuration.provenance.trustedKeys, json } = options;
  if (verify && trustedKey.length === 0) command.error('error: --verify needs a key: --trusted-key FILE');
  // An empty cache: nothing counts as verified before.
  const cacheDirectory = await mkdtemp(join(tmpdir(), 'enginesmith-verify-'));
  const store = await openArtifactStore(configuration, { cacheDirectory });
  try {
    const traced = await traceProvenance(store, digest);
    const first = traced.get(digest);
    if (first === undefined || (first.kind === null && first.attestations.length === 0)) throw notHere(digest);
    if (verify) await verifyAll(store, digest, trustedKey);
    const artifacts = [...traced.values()].map(({ kind, inputs, attestations, ...rest }) => ({
      ...rest,
      kind,
      inputs,
      statements: attestations.map(({ name, envelope, statement }) => ({
        name,
        keyIds: envelope?.signatures.map(({ keyid }) => keyid) ?? [],
        statement,
      })),
    }));
    createOutput({ json }).result({ digest, verified: verify, artifacts }, provenanceText(traced, { digest, verify }));
  } finally {
    await store.close();
    await rm(cacheDirectory, { recursive: true, force: true });
  }
}

async function verifyAll(store: ArtifactStore, digest: Digest, keyFiles: string[]): Promise<void> {
  await createChainVerifier(store, await readTrustedKeys(keyFiles.map((file) => resolve(file)))).verify(digest);
  await store.materialize({ digest });
}

const notHere = (digest: Digest): EnginesmithFailure =>
  new EnginesmithFailure(
    'NotFound',
    `Nothing is known here of an artifact ${digest.slice(0, 12)}. ENGINESMITH_HOME says where the store is; ` +
      '`npx enginesmith status ID --json` has the digests of a pipeline.',
    { context: { digest } },
  );
