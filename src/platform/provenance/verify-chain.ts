import type { Digest, Manifest } from '../../contracts/artifacts.js';
import { EnginesmithFailure } from '../../contracts/failures.js';
import type { ArtifactStore } from '../store/artifact-store.js';
import { type Attestation, parseAttestation } from './attestation.js';
import { signersOf } from './dsse.js';
import type { TrustedKey } from './keys.js';
import { artifactOf, type Descriptor, type Provenance, subjectsOf } from './statement.js';

/** Whether artifacts were made as trusted keys state, all the way down to what was downloaded or imported. */
export interface ChainVerifier {
  /**
   * The statements of how an artifact was made that a trusted key has signed, and whose inputs have such statements in turn.
   * @throws EnginesmithFailure `ProvenanceRefused` naming the artifact that has none, and why
   */
  verify(digest: Digest): Promise<Provenance[]>;
}

type StoreView = Pick<ArtifactStore, 'attestations' | 'describe'>;

/** @param trusted by one of whom every statement must be signed */
export function createChainVerifier(store: StoreView, trusted: readonly TrustedKey[]): ChainVerifier {
  const verified = new Map<Digest, Provenance[]>();
  const underway = new Set<Digest>();

  const verify = async (digest: Digest): Promise<Provenance[]> => {
    const known = verified.get(digest);
    if (known !== undefined) return known;
    if (underway.has(digest)) throw refused(digest, 'it is stated to be made of itself');
    underway.add(digest);
    const accepted: Provenance[] = [];
    const problems: EnginesmithFailure[] = [];
    for (const attestation of await provenanceOf(store, digest)) {
      try {
        accepted.push(await accept(attestation, digest));
      } catch (failure) {
        if (!(failure instanceof EnginesmithFailure) || failure.type !== 'ProvenanceRefused') throw failure;
        problems.push(failure);
      }
    }
    underway.delete(digest);
    if (accepted.length === 0) throw problems.at(-1) ?? refused(digest, 'nothing states how it was made');
    verified.set(digest, accepted);
    return accepted;
  };

  const accept = async ({ name, statement, envelope, provenance }: StatedProvenance, digest: Digest) => {
    if (envelope === null) throw refused(digest, `the statement ${name} is not signed`);
    if (signersOf(envelope, trusted).length === 0) {
      const keyIds = envelope.signatures.map(({ keyid }) => keyid.slice(0, 12)).join(', ');
      const why = `no trusted key has signed the statement ${name} as it is now; it names the key ${keyIds}`;
      throw refused(digest, why);
    }
    const description = await store.describe(digest);
    if (description !== undefined) requireSameFiles(digest, description.manifest, statement.subject);
    for (const input of inputsOf(provenance)) await verify(input.digest);
    return provenance;
  };

  return { verify };
}

type StatedProvenance = Attestation & { provenance: Provenance };

/** The readable statements of how an artifact was made, signed or not. */
async function provenanceOf(store: StoreView, digest: Digest): Promise<StatedProvenance[]> {
  const files = await store.attestations(digest);
  return files.flatMap((file) => {
    const attestation = parseAttestation(file, digest);
    return attestation?.provenance ? [{ ...attestation, provenance: attestation.provenance }] : [];
  });
}

/** The artifacts that one was made of, by role. */
export const inputsOf = ({ buildDefinition }: Provenance): { role: string; digest: Digest }[] =>
  buildDefinition.resolvedDependencies.flatMap((dependency) => {
    const digest = artifactOf(dependency);
    return digest === undefined ? [] : [{ role: dependency.name ?? '', digest }];
  });

function requireSameFiles(digest: Digest, manifest: Manifest, subject: readonly Descriptor[]): void {
  const stated = new Map(subject.map(({ name, digest: of }) => [name, of?.sha256]));
  for (const { name = '', digest: of } of subjectsOf(digest, manifest)) {
    if (stated.get(name) !== of?.sha256) throw refused(digest, `its statement is about another ${name}`);
  }
}

export const refused = (digest: Digest, why: string): EnginesmithFailure =>
  new EnginesmithFailure(
    'ProvenanceRefused',
    `The provenance of artifact ${digest.slice(0, 12)} is not trusted: ${why}. ` +
      `\`npx enginesmith artifacts provenance ${digest}\` shows what is stated; workers sign what they make with ` +
      'ENGINESMITH_SIGNING_KEY and trust the keys in ENGINESMITH_TRUSTED_KEYS.',
    { context: { digest, why } },
  );
