import { expect, test } from 'vitest';
import type { AdmittedSpec } from '../../src/contracts/admitted-spec.js';
import type { ArtifactReference } from '../../src/contracts/artifacts.js';
import { servedGateOf } from '../../src/workflows/served-gate.js';
import { testAdmission, testSpec } from '../support/specs.js';

const reference = (kind: ArtifactReference['kind']): ArtifactReference => ({ kind, digest: 'a'.repeat(64), bytes: 1 });
const asked = { evaluation: reference('evaluation'), shard: reference('dataset') };
const unserved = testSpec(({ gate }) => Object.assign(gate, { served: { articles: 0 } }));

test('a revision is asked what its engine was, on the shard that was evaluated first', () => {
  const admitted = testAdmission();
  expect(servedGateOf(admitted, asked)).toEqual({ servedGate: { ...asked, gate: admitted.spec.gate } });
});

test.each<[string, AdmittedSpec, ArtifactReference | undefined]>([
  ['the spec asks nothing', testAdmission(unserved), asked.shard],
  [
    'admission says that the words of the evaluation are not known',
    { ...testAdmission(), asksServed: false },
    asked.shard,
  ],
  ['there is no shard', testAdmission(), undefined],
])('a revision is not asked where %s', (_, admitted, shard) => {
  expect(servedGateOf(admitted, { ...asked, shard })).toEqual({});
});
