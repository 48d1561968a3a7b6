import { log } from '@temporalio/activity';
import { EnginesmithFailure } from '../contracts/failures.js';
import { hasCode } from '../platform/durable-files.js';
import { askLiveUse } from '../platform/live-use.js';
import { createStoreAdministration } from '../platform/store/administration.js';
import { defaultKeepRules } from '../platform/store/keep-reasons.js';
import { activityOwner } from './attempt.js';
import type { ActivityDependencies } from './dependencies.js';

/** A disk that fills up this often, with garbage collected in between, has no room for the step. */
const MAXIMUM_FAILURES = 3;

/** How often the disk filled up under each activity that goes on here. Its attempts also count waits, for GPUs and for others. */
const failuresOf = new Map<string, number>();

/** Without an answer to what runs and serves, nothing is removed; the next attempt may find room all the same. */
const ASK_TIMEOUT_MS = 10_000;

type RoomDependencies = Pick<ActivityDependencies, 'client' | 'configuration' | 'places'>;

/**
 * Makes a step's artifact; where the disk fills up meanwhile, collects garbage and leaves the rest to the next attempt. What
 * was known before to be too large is not ours: see `DiskLedger`.
 * @throws EnginesmithFailure `InsufficientDisk`, retryable the first times
 */
export async function withRoom<Made>(
  dependencies: RoomDependencies,
  step: string,
  make: () => Promise<Made>,
): Promise<Made> {
  const owner = activityOwner();
  try {
    const made = await make();
    failuresOf.delete(owner);
    return made;
  } catch (failure) {
    const full = asFullDisk(failure, step, dependencies.configuration.home);
    if (full === undefined || !full.retryable) throw failure;
    const failures = (failuresOf.get(owner) ?? 0) + 1;
    failuresOf.set(owner, failures);
    if (failures >= MAXIMUM_FAILURES) failuresOf.delete(owner);
    const freedBytes = await collectGarbage(dependencies);
    const found = freedBytes === null ? 'nobody could say what is still needed' : `it freed ${freedBytes} bytes`;
    throw new EnginesmithFailure('InsufficientDisk', `${full.message}\nGarbage was collected: ${found}.`, {
      retryable: failures < MAXIMUM_FAILURES,
      context: { ...full.context, freedBytes },
      cause: full,
    });
  }
}

function asFullDisk(failure: unknown, step: string, home: string): EnginesmithFailure | undefined {
  if (failure instanceof EnginesmithFailure) {
    const isKnownBefore = failure.context.known === true;
    return failure.type === 'InsufficientDisk' && !isKnownBefore ? failure : undefined;
  }
  if (!hasCode(failure, 'ENOSPC', 'EDQUOT')) return undefined;
  return new EnginesmithFailure(
    'InsufficientDisk',
    `The disk of ${home} took no more while ${step} was made: free space there, or give it a larger one.`,
    { context: { step }, cause: failure },
  );
}

/** @returns what was removed, in bytes; null when it is not known what is needed */
async function collectGarbage({ client, configuration, places }: RoomDependencies): Promise<number | null> {
  const administration = createStoreAdministration({ directory: places.store, cacheDirectory: configuration.cache });
  const ask = () => client.withDeadline(Date.now() + ASK_TIMEOUT_MS, () => askLiveUse(client));
  try {
    const { removed } = await administration.collect({ ask, rules: defaultKeepRules });
    log.warn('the disk is full; garbage was collected', { removed: removed.length });
    return removed.reduce((sum, { bytes }) => sum + bytes, 0);
  } catch (failure) {
    log.warn('the disk is full, and garbage could not be collected', { failure: `${failure}` });
    return null;
  } finally {
    await administration.close();
  }
}
