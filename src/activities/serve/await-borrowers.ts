import { setTimeout as sleep } from 'node:timers/promises';
import { cancellationSignal } from '@temporalio/activity';
import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import type { RevisionRequest } from '../../contracts/activities.js';
import type { Borrower } from '../../contracts/deployment.js';
import type { ActivityDependencies } from '../dependencies.js';
import { revisionPlaces } from './revision-places.js';

/** A serving worker is updated, or its host restarted, in less. A deployment that is terminated by force keeps its GPUs so long. */
export const LOAN_KEPT_MS = 60 * 60_000;

/** A Triton starts in minutes: the name comes back no later for it. */
const POLL_MS = 3_000;

/**
 * Waits until every run has ended that a revision has left its GPUs to: whoever was cancelled, terminated or timed out cannot
 * say so. Meanwhile it keeps the loan from running out.
 */
export const createAwaitBorrowers =
  ({ client, leases, places }: ActivityDependencies) =>
  async ({
    name,
    number,
    borrowers,
  }: Pick<RevisionRequest, 'name' | 'number'> & { borrowers: Borrower[] }): Promise<void> => {
    const { jobId: holder } = revisionPlaces(places, name, number);
    const signal = cancellationSignal();
    let open = borrowers;
    for (;;) {
      const still = await Promise.all(open.map((run) => isOpen(client, run)));
      open = open.filter((_, index) => still[index]);
      if (open.length === 0) return;
      await leases.renewLoans({ holder, keptMs: LOAN_KEPT_MS });
      await sleep(POLL_MS, undefined, { signal });
    }
  };

const isOpen = (client: Client, { pipeline, runId }: Borrower): Promise<boolean> =>
  client.workflow
    .getHandle(pipeline, runId)
    .describe()
    .then(
      ({ status }) => status.name === 'RUNNING',
      (failure: unknown) => {
        // Its history is no longer kept.
        if (failure instanceof WorkflowNotFoundError) return false;
        throw failure;
      },
    );
