import type { RevisionDescription } from '../contracts/deployment.js';
import { EVIDENCE_FILE, gateEvidence } from '../contracts/gate.js';
import type { Provenance } from '../platform/provenance/statement.js';
import { type ChainVerifier, createChainVerifier, inputsOf, refused } from '../platform/provenance/verify-chain.js';
import type { ActivityDependencies } from './dependencies.js';
import { readArtifactJson } from './read-artifact.js';

type Promoted = Pick<RevisionDescription, 'engine' | 'model' | 'servingParameters' | 'evidence'>;

/**
 * Makes sure, where this worker is told to, that trusted keys have signed how all that a revision serves was made, down to
 * the model's commit, and that its gate passed this very engine.
 * @throws EnginesmithFailure `ProvenanceRefused` naming the artifact and why
 */
export async function requireProvenance(
  { requiredKeys, store }: Pick<ActivityDependencies, 'requiredKeys' | 'store'>,
  { engine, model, servingParameters, evidence }: Promoted,
): Promise<void> {
  if (requiredKeys === null) return;
  const chain = createChainVerifier(store, requiredKeys);
  for (const { digest } of [engine, model, servingParameters]) await chain.verify(digest);
  const gates = await chain.verify(evidence.digest);
  if (!(await areAllAbout(engine.digest, gates, chain))) {
    throw refused(evidence.digest, `it is the gate of another engine than ${engine.digest.slice(0, 12)}`);
  }
  const { decision } = await readArtifactJson(store, {
    digest: evidence.digest,
    file: EVIDENCE_FILE,
    schema: gateEvidence,
  });
  if (decision.verdict !== 'PASS') throw refused(evidence.digest, `its verdict is ${decision.verdict}`);
}

/** Whether each of a gate's candidate evaluations is stated to be of this engine. Engines that answer alike share them. */
async function areAllAbout(engine: string, gates: readonly Provenance[], chain: ChainVerifier): Promise<boolean> {
  for (const gate of gates) {
    const candidates = inputsOf(gate).filter(({ role }) => role.startsWith('candidate-'));
    let about = 0;
    for (const { digest } of candidates) {
      const evaluations = await chain.verify(digest);
      if (
        evaluations.some((made) => inputsOf(made).some((input) => input.role === 'engine' && input.digest === engine))
      )
        about += 1;
    }
    if (candidates.length > 0 && about === candidates.length) return true;
  }
  return false;
}
