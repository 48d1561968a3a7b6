import type { ManifestFile } from '../contracts/artifacts.js';
import type { GpuDevice } from '../platform/gpus/device.js';
import type { Staging } from '../platform/store/artifact-store.js';
import type { CommitResult } from '../platform/store/commit.js';
import { attemptId } from './attempt.js';
import { attestStep } from './attest-step.js';
import type { ActivityDependencies } from './dependencies.js';
import type { MakeContext } from './make-artifact.js';
import { statedGpus } from './stated-gpus.js';

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
  /** Those that it leased. @default none */
  gpus?: readonly GpuDevice[];
  /** Files that were hashed while they were written. */
  knownDigests?: readonly ManifestFile[];
}

/** Makes what an attempt staged the step's artifact, with the attempt's record and statement. The staging is gone afterwards. */
export async function commitAttempt(
  dependencies: Pick<ActivityDependencies, 'configuration' | 'gpus' | 'signingKey' | 'toolchain'>,
  context: MakeContext,
  staging: Staging,
  {
    knownDigests = [],
    argv = [],
    environment = {},
    gpus = [],
    endedAt = new Date().toISOString(),
    ...facts
  }: AttemptFacts,
): Promise<CommitResult> {
  const { plan, key, components, remake, model, assertClaim } = context;
  const record = {
    ...facts,
    attemptId: attemptId(),
    step: plan.id,
    model,
    argv,
    environment,
    endedAt,
    host: dependencies.configuration.host,
    toolchain: plan.usesToolchain ? dependencies.toolchain.identity : null,
  };
  const attest = attestStep(dependencies, context, { record, gpus: await statedGpus(dependencies.gpus, gpus) });
  try {
    return await staging.commit({
      key,
      madeAs: plan.id,
      components,
      remake,
      assertClaim,
      knownDigests,
      record,
      attest,
    });
  } finally {
    await staging.discard();
  }
}
