import { cancellationSignal } from '@temporalio/activity';
import type { RevisionRequest } from '../../contracts/activities.js';
import { EnginesmithFailure } from '../../contracts/failures.js';
import type { ActivityDependencies } from '../dependencies.js';
import { revisionPlaces } from './revision-places.js';

/**
 * Watches a serving Triton and returns when it has ended. It ends nothing itself: a lost worker costs no request. A Triton
 * that fell keeps its GPUs for the one that replaces it: a step that waits for one would be hours faster.
 */
export const createSuperviseRevision =
  ({ jobs, leases, places }: ActivityDependencies) =>
  async ({ name, number }: Pick<RevisionRequest, 'name' | 'number'>): Promise<{ logTail: string }> => {
    const { jobId } = revisionPlaces(places, name, number);
    await leases.keep(jobId);
    try {
      const { logTail } = await jobs.wait(jobId, { signal: cancellationSignal() });
      return { logTail };
    } catch (failure) {
      // The host was restarted, or its environment stopped: the job is gone with its processes.
      if (failure instanceof EnginesmithFailure && failure.type === 'NotFound') return { logTail: failure.message };
      throw failure;
    }
  };
