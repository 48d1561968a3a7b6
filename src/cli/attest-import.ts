import type { ArtifactKind, Digest, Manifest } from '../contracts/artifacts.js';
import type { Configuration } from '../platform/config.js';
import { attestationFile } from '../platform/provenance/attestation.js';
import { readSigningKey } from '../platform/provenance/keys.js';
import { makeProvenance } from '../platform/provenance/make-provenance.js';
import type { AttestationFile } from '../platform/store/attestations.js';

/**
 * What is stated of an artifact that was made elsewhere: who took it in, from where. Signed, it says that its importer vouches
 * for it; nothing is known of what it was made of.
 * @throws EnginesmithFailure `PrerequisiteMissing` when the configured key cannot be used
 */
export async function attestImport(
  { host, provenance: { signingKey: file } }: Pick<Configuration, 'host' | 'provenance'>,
  {
    attemptId,
    kind,
    directory,
    startedAt,
  }: { attemptId: string; kind: ArtifactKind; directory: string; startedAt: string },
): Promise<(made: { digest: Digest; manifest: Manifest }) => AttestationFile> {
  const signingKey = file === undefined ? null : await readSigningKey(file);
  return (made) => {
    const statement = makeProvenance(made, {
      kind: 'import',
      externalParameters: { step: 'import', kind, directory },
      internalParameters: {},
      dependencies: [],
      host,
      invocationId: `${host}/${attemptId}`,
      startedAt,
      endedAt: new Date().toISOString(),
      argv: [],
      environment: {},
      gpus: [],
    });
    return attestationFile(attemptId, statement, signingKey);
  };
}
