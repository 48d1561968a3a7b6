import type { StepActivityName } from '../contracts/steps.js';
import type { StallLimits } from '../platform/process/stall-watch.js';

const MINUTE_MS = 60_000;

/**
 * Nothing at all, not even CPU time: a file server that reboots is back within ten minutes, and nothing else makes an honest
 * tool wait. mpirun whose rank has died, a deadlocked data loader and a driver that hangs look like that.
 */
const idleMs = 15 * MINUTE_MS;

/** How long a step's tool may show no progress before it counts as stalled, each with the event that sets its number. */
const limits: Partial<Record<StepActivityName, StallLimits>> = {
  /** AWQ searches the scales of all layers without a word after the calibration: 72B on one GPU takes three hours. */
  quantize: { idleMs, silentMs: 4 * 60 * MINUTE_MS },
  /** Writes a file a rank when it has read all: 150 GB at 50 MB/s are 50 minutes. */
  convert: { idleMs, silentMs: 90 * MINUTE_MS },
  /** TensorRT tells nothing while it times kernels: an hour for the largest network, two on a GPU that is shared. */
  build: { idleMs, silentMs: 3 * 60 * MINUTE_MS },
  /** run.py answers all prompts before it prints; summarize.py writes after each batch. A shard of a 72B takes under an hour. */
  evaluate: { idleMs, silentMs: 2 * 60 * MINUTE_MS },
  /** Reads the texts of one shard, twice. */
  compareEngines: { idleMs, silentMs: 2 * 60 * MINUTE_MS },
};

/** The limits of a step's activity. @param override both limits, where the worker's configuration says another one */
export const stallLimitsOf = (activity: StepActivityName, override?: number): StallLimits | undefined =>
  override === undefined ? limits[activity] : limits[activity] && { idleMs: override, silentMs: override };
