import type { ActivityOptions } from '@temporalio/workflow';

/** A worker that dies is noticed within this time, where no other one starts on its host; beats go out every second. */
const LOST_WORKER = '30s';

/** A step waits and works that long: a Hub, workers or GPUs that are away for a weekend without anybody to look. */
const PATIENCE = '48h';

/**
 * Every timeout, heartbeat and retry of a pipeline, each with the event that sets its number. Total time is bounded by
 * scheduleToClose, which counts from the moment in which the activity is asked for: time in a queue, behind others' downloads or
 * without a worker, is part of it. Attempts are not bounded, because a worker deploy or a lost host costs one. A tool's own
 * failures are counted in its job's ledger instead. Anything that owns a process waits for its cancellation: the default would
 * leave it running.
 */
const OWNS_PROCESSES = {
  cancellationType: 'WAIT_CANCELLATION_COMPLETED',
  heartbeatTimeout: LOST_WORKER,
} as const satisfies ActivityOptions;

/** Waits between attempts grow to a minute: a host that comes back, a lease that frees, a Hub that recovers. */
const INFRASTRUCTURE_RETRY = { initialInterval: '2s', backoffCoefficient: 2, maximumInterval: '1m' } as const;

export const activityOptions = {
  /** Asks the Hub for commits. */
  admit: {
    heartbeatTimeout: LOST_WORKER,
    startToCloseTimeout: '5m',
    scheduleToCloseTimeout: PATIENCE,
    retry: INFRASTRUCTURE_RETRY,
  },
  /** Reads one small file of the store. */
  locate: {
    heartbeatTimeout: LOST_WORKER,
    startToCloseTimeout: '1m',
    scheduleToCloseTimeout: PATIENCE,
    retry: INFRASTRUCTURE_RETRY,
  },
  /** Terabyte repositories over office lines; resumed inside a file by each attempt. */
  download: {
    ...OWNS_PROCESSES,
    startToCloseTimeout: '24h',
    scheduleToCloseTimeout: PATIENCE,
    retry: INFRASTRUCTURE_RETRY,
  },
  /**
   * A tool that gets on has all of that time: one that the end of its attempt cut off would begin anew. Lost workers and tools that
   * hang are found by their heartbeats and by the lack of progress.
   */
  gpuStep: {
    ...OWNS_PROCESSES,
    startToCloseTimeout: PATIENCE,
    scheduleToCloseTimeout: PATIENCE,
    retry: INFRASTRUCTURE_RETRY,
  },
  /** Converting a 72B checkpoint reads and writes 150 GB; as for a GPU's step, what gets on is not cut off. */
  convert: {
    ...OWNS_PROCESSES,
    startToCloseTimeout: PATIENCE,
    scheduleToCloseTimeout: PATIENCE,
    retry: INFRASTRUCTURE_RETRY,
  },
  /** Scores a few thousand texts at most. */
  gate: {
    heartbeatTimeout: LOST_WORKER,
    startToCloseTimeout: '15m',
    scheduleToCloseTimeout: PATIENCE,
    retry: INFRASTRUCTURE_RETRY,
  },
  /** Waits for the deployment: other promotions of the name, loading ranks of a 72B engine, the smoke test, the gate. */
  promote: {
    cancellationType: 'WAIT_CANCELLATION_COMPLETED',
    heartbeatTimeout: LOST_WORKER,
    startToCloseTimeout: '2h',
    scheduleToCloseTimeout: '6h',
    retry: INFRASTRUCTURE_RETRY,
  },
  /** Loading all ranks of a 72B engine from a cold disk takes tens of minutes; the rest is for a host that reboots. */
  startRevision: {
    ...OWNS_PROCESSES,
    startToCloseTimeout: '1h',
    scheduleToCloseTimeout: '90m',
    retry: INFRASTRUCTURE_RETRY,
  },
  /** Bounded by the deadlines in the spec, an hour at most. */
  smokeTest: {
    heartbeatTimeout: LOST_WORKER,
    startToCloseTimeout: '75m',
    scheduleToCloseTimeout: '80m',
    retry: INFRASTRUCTURE_RETRY,
  },
  /** At most 16 answers, four at a time, from a 72B engine that takes ten minutes for each; the rest is for a lost worker. */
  gateServed: {
    heartbeatTimeout: LOST_WORKER,
    startToCloseTimeout: '45m',
    scheduleToCloseTimeout: '90m',
    retry: INFRASTRUCTURE_RETRY,
  },
  /** Waits, while the old revision serves, for a pipeline's step that has a GPU: as long as a start waits for one. */
  handGpusOver: {
    heartbeatTimeout: LOST_WORKER,
    startToCloseTimeout: '1m',
    scheduleToCloseTimeout: '90m',
    retry: INFRASTRUCTURE_RETRY,
  },
  /** Ends processes with a grace of seconds; the host may be rebooting. A worker lost here is a name without a server. */
  stopRevision: {
    heartbeatTimeout: LOST_WORKER,
    startToCloseTimeout: '5m',
    scheduleToCloseTimeout: '1h',
    retry: INFRASTRUCTURE_RETRY,
  },
  /** Lasts as long as a revision serves. A lost worker is replaced by the next one, which adopts the Triton. */
  superviseRevision: {
    cancellationType: 'TRY_CANCEL',
    heartbeatTimeout: LOST_WORKER,
    startToCloseTimeout: '3650d',
    retry: INFRASTRUCTURE_RETRY,
  },
  /** Lasts as long as the pipelines that a revision has yielded to. */
  awaitBorrowers: {
    cancellationType: 'TRY_CANCEL',
    heartbeatTimeout: LOST_WORKER,
    startToCloseTimeout: '3650d',
    retry: INFRASTRUCTURE_RETRY,
  },
} as const satisfies Record<string, ActivityOptions>;
