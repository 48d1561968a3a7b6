import type { ArtifactReference, Digest } from '../contracts/artifacts.js';
import { EVALUATION_FILE, evaluationSchema, type Shard } from '../contracts/evaluation.js';
import { EnginesmithFailure } from '../contracts/failures.js';
import type { Spec } from '../contracts/spec.js';
import type { ArtifactStore } from '../platform/store/artifact-store.js';
import { planLooks } from '../toolchains/looks.js';
import { readArtifactJson } from './read-artifact.js';

const field = 'gate.baseline.evaluations';

/**
 * The baseline evaluations that a spec pins, one a shard of its looks, checked before anything is built.
 * @returns none where the spec pins none
 * @throws EnginesmithFailure `InvalidSpec` naming what is no evaluation of the shard in its place
 */
export async function findPinnedEvaluations(store: ArtifactStore, spec: Spec): Promise<ArtifactReference[]> {
  const { evaluations = [] } = spec.gate.baseline;
  if (evaluations.length === 0) return [];
  const shards = planLooks(spec).flatMap((look) => look.shards);
  return Promise.all(shards.map((shard, index) => findEvaluation(store, evaluations[index] ?? '', shard)));
}

async function findEvaluation(
  store: ArtifactStore,
  digest: Digest,
  { from, count }: Shard,
): Promise<ArtifactReference> {
  const refuse = (problem: string): never => {
    throw new EnginesmithFailure(
      'InvalidSpec',
      `${field}: ${digest.slice(0, 12)} cannot be pinned: ${problem}. The digests of a pipeline’s baseline-evaluation steps ` +
        'are in `npx enginesmith status ID --json`.',
      { context: { field, digest } },
    );
  };
  const found = await store.describe(digest);
  if (found === undefined) return refuse('the store does not have it');
  if (found.reference.kind !== 'evaluation') return refuse(`it is of kind ${found.reference.kind}`);
  const { shard } = await readArtifactJson(store, { digest, file: EVALUATION_FILE, schema: evaluationSchema });
  if (shard.from === from && shard.count === count) return found.reference;
  return refuse(`it has ${shard.count} rows from ${shard.from}; in its place are ${count} from ${from}`);
}
