import type { ManifestFile } from '../contracts/artifacts.js';
import type { Staging } from '../platform/store/artifact-store.js';
import type { CommitResult } from '../platform/store/commit.js';
import { attemptId } from './attempt.js';
import type { ActivityDependencies } from './dependencies.js';
import type { MakeContext } from './make-artifact.js';

/** How an attempt made what it staged; kept beside the artifact, outside its digest. */
interface AttemptFacts {
  /** ISO 8601. */
  startedAt: string;
  /** @default now */
  endedAt?: string;
  /** Command lines, in order. @default none */
  argv?: string[][];
  environment?: Record<string, string>;
  logPath?: string;
  /** Files that were hashed while they were written. */
  knownDigests?: readonly ManifestFile[];
}

/** Makes what an attempt staged the step's artifact, with the attempt's record. The staging is gone afterwards. */
export async function commitAttempt(
  { configuration, toolchain }: Pick<ActivityDependencies, 'configuration' | 'toolchain'>,
  { plan, key, components, remake, model, assertClaim }: MakeContext,
  staging: Staging,
  { knownDigests = [], argv = [], environment = {}, endedAt = new Date().toISOString(), ...facts }: AttemptFacts,
): Promise<CommitResult> {
  try {
    return await staging.commit({
      key,
      madeAs: plan.id,
      components,
      remake,
      assertClaim,
      knownDigests,
      record: {
        ...facts,
        attemptId: attemptId(),
        step: plan.id,
        model,
        argv,
        environment,
        endedAt,
        host: configuration.host,
        toolchain: plan.usesToolchain ? toolchain.identity : null,
      },
    });
  } finally {
    await staging.discard();
  }
}
