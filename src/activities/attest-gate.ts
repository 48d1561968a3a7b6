import type { Digest } from '../contracts/artifacts.js';
import type { Criterion, GateEvidence, GateVerdict } from '../contracts/gate.js';
import { attestationFile } from '../platform/provenance/attestation.js';
import { artifactDescriptor, makeStatement, subjectsOf, TEST_RESULT_TYPE } from '../platform/provenance/statement.js';
import type { ActivityDependencies } from './dependencies.js';

/** The gate's words in those of in-toto's test results. */
const results: Record<GateVerdict, string> = { PASS: 'PASSED', INCONCLUSIVE: 'WARNED', FAIL: 'FAILED' };

/**
 * States of an engine what a gate decided on it, beside what is stated of how it was made: policies that know engines by
 * digest, and nothing of gates, can ask for it.
 */
export async function attestGate(
  { signingKey, store }: Pick<ActivityDependencies, 'signingKey' | 'store'>,
  { engine, evidence, decided }: { engine: Digest; evidence: Digest; decided: GateEvidence },
): Promise<void> {
  const described = await store.describe(engine);
  if (described === undefined) return;
  const { decision, policy } = decided;
  const named = (outcome: GateVerdict): Criterion['name'][] =>
    decision.criteria.filter((criterion) => criterion.outcome === outcome).map(({ name }) => name);
  const statement = makeStatement(subjectsOf(engine, described.manifest), TEST_RESULT_TYPE, {
    result: results[decision.verdict],
    configuration: [artifactDescriptor('gate-evidence', evidence)],
    passedTests: named('PASS'),
    warnedTests: named('INCONCLUSIVE'),
    failedTests: named('FAIL'),
    enginesmith_decision: decision,
    enginesmith_policy: policy,
  });
  const name = signingKey === null ? `gate-${evidence}` : `gate-${evidence}-${signingKey.keyId.slice(0, 12)}`;
  await store.attest(engine, attestationFile(name, statement, signingKey));
}
