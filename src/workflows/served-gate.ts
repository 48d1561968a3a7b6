import type { AdmittedSpec } from '../contracts/admitted-spec.js';
import type { ArtifactReference } from '../contracts/artifacts.js';
import type { RevisionDescription } from '../contracts/deployment.js';

/**
 * What the gate through Triton compares; nothing where the spec asks for none, and where admission says that Triton cannot be
 * asked in the words of the evaluation.
 */
export const servedGateOf = (
  { spec: { gate }, asksServed }: AdmittedSpec,
  { evaluation, shard }: { evaluation: ArtifactReference; shard: ArtifactReference | undefined },
): Pick<RevisionDescription, 'servedGate'> =>
  gate.served.articles === 0 || asksServed === false || shard === undefined
    ? {}
    : { servedGate: { evaluation, shard, gate } };
