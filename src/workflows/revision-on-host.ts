import { type ActivityOptions, patched, proxyActivities } from '@temporalio/workflow';
import type { ServeActivities } from '../contracts/activities.js';
import type { Borrower, DeployedRevision, ServedGateReport } from '../contracts/deployment.js';
import type { ServingEndpoint } from '../contracts/pipeline.js';
import type { SmokeReport } from '../contracts/smoke.js';
import { serveTaskQueue } from '../contracts/task-queues.js';
import { activityOptions } from './activity-options.js';

/** Since then a hand-over that is cancelled is waited for: it may have happened, and then has to be taken back. */
const HAND_OVERS_END = '2026-11-hand-over-ends';

/** A revision of a deployment, also one that has not served yet. */
export type Revision = Pick<DeployedRevision, 'number' | 'description'>;

/** What a deployment can ask of the host of a revision. */
export interface RevisionOnHost {
  start(waitForGpu: boolean): Promise<ServingEndpoint>;
  smokeTest(endpoint: ServingEndpoint): Promise<SmokeReport>;
  gateServed(endpoint: ServingEndpoint): Promise<ServedGateReport>;
  /** Takes the GPUs of another revision on the same host, which may still serve; also when it is cancelled meanwhile. */
  takeGpusOf(from: number, waitForGpu: boolean): Promise<void>;
  /** @param neverServed it has no requests that somebody waits for */
  stop(neverServed?: boolean): Promise<void>;
  /** Ends what is left of it, and keeps its GPUs for its next start. */
  clear(): Promise<void>;
  /** Ends it, and keeps its GPUs for the steps of these runs until it starts again. */
  lend(lentTo: Borrower[]): Promise<void>;
  /** Lasts as long as its Triton does. */
  supervise(): Promise<unknown>;
  /** Lasts as long as one of these runs does. */
  awaitBorrowers(borrowers: Borrower[]): Promise<void>;
}

/** @param name of the deployment */
export function revisionOnHost(name: string, { number, description }: Revision): RevisionOnHost {
  const activities = (option: keyof ServeActivities, options: ActivityOptions = {}): ServeActivities =>
    proxyActivities<ServeActivities>({
      ...activityOptions[option],
      ...options,
      taskQueue: serveTaskQueue(description.host),
      summary: `revision ${number}`,
    });
  return {
    start: (waitForGpu) => activities('startRevision').startRevision({ name, number, description, waitForGpu }),
    smokeTest: (endpoint) => activities('smokeTest').smokeTest({ name, number, description, endpoint }),
    gateServed: (endpoint) => activities('gateServed').gateServed({ name, number, description, endpoint }),
    takeGpusOf(from, waitForGpu) {
      const cancellationType = patched(HAND_OVERS_END) ? 'WAIT_CANCELLATION_COMPLETED' : 'TRY_CANCEL';
      const request = { name, number, description, from, waitForGpu };
      return activities('handGpusOver', { cancellationType }).handGpusOver(request);
    },
    stop: (neverServed = false) => activities('stopRevision').stopRevision({ name, number, neverServed }),
    clear: () => activities('stopRevision').stopRevision({ name, number, keepsGpus: true }),
    lend: (lentTo) => activities('stopRevision').stopRevision({ name, number, lentTo }),
    supervise: () => activities('superviseRevision').superviseRevision({ name, number }),
    awaitBorrowers: (borrowers) => activities('awaitBorrowers').awaitBorrowers({ name, number, borrowers }),
  };
}
