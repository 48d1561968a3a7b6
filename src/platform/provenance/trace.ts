import type { ArtifactKind, Digest } from '../../contracts/artifacts.js';
import type { ArtifactStore } from '../store/artifact-store.js';
import { type Attestation, parseAttestation } from './attestation.js';
import { inputsOf } from './verify-chain.js';

/** What is stated of an artifact, and of what it was made. */
export interface TracedArtifact {
  digest: Digest;
  /** Null where the artifact itself is not in the store any more. */
  kind: ArtifactKind | null;
  attestations: Attestation[];
  /** By role; of all attempts that made it. */
  inputs: { role: string; digest: Digest }[];
}

/** Everything that is stated of an artifact and of what it was made of, the artifact first, each once. */
export async function traceProvenance(
  store: Pick<ArtifactStore, 'attestations' | 'describe'>,
  digest: Digest,
): Promise<Map<Digest, TracedArtifact>> {
  const traced = new Map<Digest, TracedArtifact>();
  const trace = async (of: Digest): Promise<void> => {
    if (traced.has(of)) return;
    const files = await store.attestations(of);
    const attestations = files.flatMap((file) => parseAttestation(file, of) ?? []);
    const inputs = new Map(
      attestations
        .flatMap(({ provenance }) => (provenance === null ? [] : inputsOf(provenance)))
        .map((input) => [`${input.role} ${input.digest}`, input]),
    );
    const kind = (await store.describe(of))?.reference.kind ?? null;
    traced.set(of, { digest: of, kind, attestations, inputs: [...inputs.values()] });
    for (const input of inputs.values()) await trace(input.digest);
  };
  await trace(digest);
  return traced;
}
