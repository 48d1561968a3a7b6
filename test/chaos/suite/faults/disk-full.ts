import { isSame } from '../../../support/catch-activities.js';
import { pendingWork } from '../../../support/executions.js';
import { until } from '../../../support/until.js';
import { arrest } from '../arrest.js';
import { attemptProof, nextAttempts, recoveryOf, unexpected } from '../attempts.js';
import type { Fault } from '../fault.js';

/** More than a whole pipeline of the tiny model takes. */
const DISK_MEBIBYTES = 192;

/** Whoever filled it takes what others free, a moment later. */
const REFILL_MS = 20;

/** The disk is filled to its last byte in the middle of the step, and stays full until an attempt has failed of it. */
export const diskFull: Fault = {
  environment: { diskMebibytes: DISK_MEBIBYTES },
  async inject(context) {
    const { client, disk } = context.environment;
    if (disk === undefined) throw new Error('no small disk');
    const { caught, release } = await arrest(context);
    const bytes = await disk.fill();
    const atMs = Date.now();
    await release();
    const refilling = setInterval(() => void disk.fill().catch(() => {}), REFILL_MS);
    // Its own step where that needs room; else the next one finds the disk full.
    const [victim] = await until('a failure', async () => {
      const failed = (await pendingWork(client)).activities.filter(({ lastFailure }) => lastFailure !== undefined);
      const own = failed.filter((one) => caught.some((earlier) => isSame(earlier, one)));
      return [...own, ...failed].length > 0 ? [...own, ...failed] : undefined;
    }).finally(() => clearInterval(refilling));
    await disk.free();
    const attempts =
      victim === undefined ? [] : await nextAttempts(client, [{ ...victim, attempt: victim.attempt - 1 }]);
    const proof =
      attemptProof(attempts, ['InsufficientDisk']) ??
      attemptProof(attempts, typesOf(attempts), /ENOSPC|No space left on device/);
    return {
      recoverySeconds: recoveryOf(atMs, attempts),
      problems: proof === null ? unexpected(attempts) : [],
      proof: async () => proof && `${bytes >> 20} MiB filled; ${proof}`,
    };
  },
};

const typesOf = (attempts: Awaited<ReturnType<typeof nextAttempts>>): string[] =>
  attempts.flatMap(({ lastFailure }) => lastFailure?.type ?? []);
