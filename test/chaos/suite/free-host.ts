import type { ChaosEnvironment } from '../../support/chaos-environment.js';
import { until } from '../../support/until.js';
import { differences, type Inventory, takeInventory } from './inventory.js';

interface FreeHostOptions {
  /** A pipeline that has to have ended, too. */
  workflowId?: string;
  /** Lines of `differences` that may be left. */
  mayLeave?: RegExp | undefined;
  withinMs?: number;
}

/**
 * Waits until nothing is on the host that was not there before.
 *
 * @returns what is left when the time is over; nothing where the host got free
 */
export async function untilHostIsFree(
  environment: ChaosEnvironment,
  before: Inventory,
  { workflowId, mayLeave, withinMs }: FreeHostOptions = {},
): Promise<string[]> {
  let left: string[] = [];
  await until(
    'a host that is free',
    async () => {
      left = differences(before, await takeInventory(environment), mayLeave);
      if (workflowId !== undefined && (await isRunning(environment, workflowId))) left.push(`${workflowId} still runs`);
      return left.length === 0 || undefined;
    },
    withinMs === undefined ? {} : { withinMs },
  ).catch(() => {});
  return left;
}

async function isRunning({ client }: ChaosEnvironment, workflowId: string): Promise<boolean> {
  return (await client.workflow.getHandle(workflowId).describe()).status.name === 'RUNNING';
}
