import type { RevisionRequest } from '../../contracts/activities.js';
import { EnginesmithFailure } from '../../contracts/failures.js';
import { usableCounts } from '../../platform/gpus/device.js';
import { retryAfterMs } from '../../platform/gpus/retry-times.js';
import type { ActivityDependencies } from '../dependencies.js';
import { holdersOfGpus, waitingSince } from '../lease-gpus.js';
import { revisionPlaces } from './revision-places.js';

/** Ending a Triton takes seconds; the rest is for a worker that is lost meanwhile and noticed by its heartbeat. */
const RESERVED_MS = 10 * 60_000;

/** Gives one revision's GPUs to another one of the deployment, before the one that has them ends. */
export const createHandGpusOver =
  ({ leases, places, toolchain }: ActivityDependencies) =>
  async ({
    name,
    number,
    description,
    from,
    waitForGpu,
  }: RevisionRequest & { from: number; waitForGpu: boolean }): Promise<void> => {
    const { worldSize: count, gpuClass } = description;
    const request = { holder: revisionPlaces(places, name, number).jobId, count, class: gpuClass };
    const lease = await leases.handOver({
      ...request,
      from: revisionPlaces(places, name, from).jobId,
      serving: true,
      ...(waitForGpu ? { waitingSince: waitingSince() } : {}),
      reservedMs: RESERVED_MS,
    });
    if (lease !== undefined) {
      // Nobody waits for what is handed back: it may serve all the time, watched by what asked for its lease long ago.
      if (!waitForGpu) await leases.keep(request.holder);
      return;
    }
    const { together, alone } = usableCounts(toolchain.devices, gpuClass);
    const total = count === 1 ? alone : together;
    throw new EnginesmithFailure(
      'NoFreeGpu',
      `Revision ${number} of ${name} needs ${count} GPU(s) of class ${gpuClass}, of which this host has ${total}; those of ` +
        `revision ${from} and the free ones are too few. Leased are ${await holdersOfGpus(leases)}.`,
      // Time frees no GPU that the host does not have.
      waitForGpu && total >= count
        ? { benign: true, nextRetryDelayMs: retryAfterMs((await leases.line(request, waitingSince())).position) }
        : { retryable: false, context: { count, class: gpuClass, total } },
    );
  };
