import type { LeftOf } from '../platform/gpus/clean-check.js';
import { recordInventory } from '../platform/gpus/inventory-record.js';
import { leftProcesses } from '../platform/gpus/left-processes.js';
import type { ActivityDependencies } from './dependencies.js';
import { processesOfHolder } from './processes-of-holder.js';

/** What is left of a job, or of a revision's Triton, on its devices. */
export const createLeftOf =
  ({ gpus, jobs, launcher }: Pick<ActivityDependencies, 'gpus' | 'jobs' | 'launcher'>): LeftOf =>
  async (holder, devices) =>
    leftProcesses({ gpus, ownProcesses: await processesOfHolder({ jobs, launcher }, holder) }, devices);

/** Logs which devices this worker has, and what has changed since a worker of this host started last. */
export async function noteInventory({
  gpus,
  places,
  logger,
}: Pick<ActivityDependencies, 'gpus' | 'places' | 'logger'>): Promise<void> {
  if (gpus.devices.length === 0) return;
  const { driver } = await gpus.inventory();
  const changes = await recordInventory(places.inventory, { driver, devices: gpus.devices });
  logger.info({ driver, devices: gpus.devices }, 'took stock of the devices');
  if (changes.length > 0) logger.warn({ changes }, 'the devices of this host are not those of the last start');
}
