import { sendSignal } from '../../platform/process/kill-session.js';
import { isAlive } from '../../platform/process/process-identity.js';
import { type DevRecord, findDev } from './dev-record.js';
import { waitUntil } from './wait-until.js';

/** The sum of what an environment grants its parts, and some. */
const STOP_TIMEOUT_MS = 90_000;

/** Ends a running `dev` and waits until it is gone. */
export async function stopDev({ process }: Pick<DevRecord, 'process'>): Promise<void> {
  sendSignal(process.pid, 'SIGTERM');
  await waitUntil('the end of the embedded environment', async () => !isAlive(process), { timeoutMs: STOP_TIMEOUT_MS });
}

/** Ends the `dev` of a home. @returns what ran there, if anything */
export async function stopDevOf(home: string): Promise<DevRecord | undefined> {
  const running = await findDev(home);
  if (running !== undefined) await stopDev(running);
  return running;
}
