import type { Configuration } from '../../platform/config.js';
import { placesOf } from '../../platform/places.js';
import { sendSignal } from '../../platform/process/kill-session.js';
import { isAlive } from '../../platform/process/process-identity.js';
import { type DevRecord, findDev, readDevRecord } from './dev-record.js';
import { endJobs } from './end-jobs.js';
import { endLeftovers } from './end-leftovers.js';
import { lockHome } from './home-lock.js';
import { waitUntil } from './wait-until.js';

/** The sum of what an environment grants its parts, and some. */
const STOP_TIMEOUT_MS = 90_000;

/** Ends a running `dev` and waits until it is gone. */
export async function stopDev({ process }: Pick<DevRecord, 'process'>): Promise<void> {
  sendSignal(process.pid, 'SIGTERM');
  await waitUntil('the end of the embedded environment', async () => !isAlive(process), { timeoutMs: STOP_TIMEOUT_MS });
}

/**
 * Ends the `dev` of a home, or what one that was killed has left: its parts, its tools, its Tritons.
 * @returns whether there was any
 */
export async function stopDevOf({ home, cache, host }: Configuration, note: (line: string) => void): Promise<boolean> {
  const running = await findDev(home);
  if (running !== undefined) {
    await stopDev(running);
    return true;
  }
  if ((await readDevRecord(home)) === undefined || !(await lockHome(home))) return false;
  await endLeftovers(home, note);
  await endJobs(placesOf({ home, cache, host }).jobs);
  return true;
}
