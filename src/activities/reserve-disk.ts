import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import type { Digest } from '../contracts/artifacts.js';
import type { StepRequest } from '../contracts/steps.js';
import type { DiskReservation } from '../platform/disk-ledger.js';
import { askLiveUse } from '../platform/live-use.js';
import { createStoreAdministration } from '../platform/store/administration.js';
import { defaultKeepRules } from '../platform/store/keep-reasons.js';
import { stepDiskBytes } from '../toolchains/estimates/step-disk.js';
import { type ModelConfig, parseModelConfig } from '../toolchains/model-config.js';
import type { StepPlan } from '../toolchains/step-plan.js';
import type { ActivityDependencies } from './dependencies.js';

/** A failure that waits for a number is told late: the number is left out then. */
const ASK_WITHIN_MS = 10_000;

/**
 * Reserves what a step that runs a tool is estimated to write, before it runs.
 * @throws EnginesmithFailure `InsufficientDisk` naming what is needed, free and reserved, and what collection would free
 */
export async function reserveStepDisk(
  dependencies: ActivityDependencies,
  step: { request: StepRequest; plan: StepPlan; inputs: Record<string, Digest>; jobId: string; output: string },
): Promise<DiskReservation> {
  const { store, places, disk } = dependencies;
  const { request, plan, inputs, jobId, output } = step;
  const sizes: Record<string, number> = {};
  for (const [role, digest] of Object.entries(inputs)) {
    sizes[role] = (await store.describe(digest))?.reference.bytes ?? 0;
  }
  const model = inputs.model === undefined ? null : await readModel(dependencies, inputs.model);
  const bytes = Math.ceil(stepDiskBytes(plan, request.admitted.spec, { inputs: sizes, model }));
  const space = { id: jobId, step: plan.id, bytes, writesTo: output, into: places.store };
  return disk.reserve(space, () => collectableBytes(dependencies));
}

/** Of a model that the toolchain cannot read, the step itself says so. */
async function readModel({ store }: Pick<ActivityDependencies, 'store'>, digest: Digest): Promise<ModelConfig | null> {
  const path = join(await store.materialize({ digest }), 'config.json');
  try {
    return parseModelConfig(await readFile(path, 'utf8'), 'the model');
  } catch {
    return null;
  }
}

/** What garbage collection would free of the store now; null where it cannot be known soon. */
export async function collectableBytes({
  client,
  configuration,
  places,
}: Pick<ActivityDependencies, 'configuration' | 'places'> & { client: Client }): Promise<number | null> {
  const store = createStoreAdministration({ directory: places.store, cacheDirectory: configuration.cache });
  try {
    const ask = () => client.withDeadline(Date.now() + ASK_WITHIN_MS, () => askLiveUse(client));
    const { removed } = await store.collect({ ask, rules: defaultKeepRules, dryRun: true });
    return removed.reduce((sum, { bytes }) => sum + bytes, 0);
  } catch {
    return null;
  } finally {
    await store.close();
  }
}
