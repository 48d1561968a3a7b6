import type { RevisionRequest } from '../../contracts/activities.js';
import { EnginesmithFailure } from '../../contracts/failures.js';
import type { ActivityDependencies } from '../dependencies.js';
import { holdersOfGpus, LEASE_RETRY_MS } from '../lease-gpus.js';
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
    const lease = await leases.handOver({
      from: revisionPlaces(places, name, from).jobId,
      holder: revisionPlaces(places, name, number).jobId,
      count,
      class: gpuClass,
      reservedMs: RESERVED_MS,
    });
    if (lease !== undefined) return;
    const total = toolchain.devices.filter((device) => device.class === gpuClass).length;
    throw new EnginesmithFailure(
      'NoFreeGpu',
      `Revision ${number} of ${name} needs ${count} GPU(s) of class ${gpuClass}, of which this host has ${total}; those of ` +
        `revision ${from} and the free ones are too few. Leased are ${await holdersOfGpus(leases)}.`,
      // Time frees no GPU that the host does not have.
      waitForGpu && total >= count
        ? { benign: true, nextRetryDelayMs: LEASE_RETRY_MS }
        : { retryable: false, context: { count, class: gpuClass, total } },
    );
  };
