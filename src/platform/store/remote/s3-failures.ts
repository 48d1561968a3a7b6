import { EnginesmithFailure } from '../../../contracts/failures.js';
import { hasCode } from '../../durable-files.js';

/** Whether an error is one of S3's, by its name. */
export const hasName = (error: unknown, ...names: string[]): boolean =>
  error instanceof Error && names.includes(error.name);

/** How soon whoever failed at the remote store asks it again. */
const RETRY_MS = 15_000;

/**
 * Runs what asks the remote store. What goes wrong there heals with time, or by whoever looks after it: nothing that was
 * made is given up for it.
 * @throws EnginesmithFailure `RemoteStoreUnavailable`; `InsufficientDisk` where this host's disk is what fails
 */
export async function reaching<Result>(bucket: string, ask: () => Promise<Result>): Promise<Result> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof EnginesmithFailure) throw error;
    const said = error instanceof Error ? `${error.name}: ${error.message}` : `${error}`;
    if (hasCode(error, 'ENOSPC', 'EDQUOT')) {
      throw new EnginesmithFailure('InsufficientDisk', `The disk is too full for what comes from the bucket: ${said}`, {
        cause: error,
      });
    }
    if (hasCode(error, 'ENOENT', 'EACCES', 'EPERM', 'EIO', 'EROFS')) throw error;
    const why = /denied|forbidden|credential|signature|token/i.test(said)
      ? 'the workers’ AWS_* variables must name credentials that may list, read, write and delete below the prefix'
      : 'what is on this host goes on being read, and what was made here stays; it is tried again';
    throw new EnginesmithFailure(
      'RemoteStoreUnavailable',
      `The remote store s3://${bucket} does not serve: ${said}; ${why}.`,
      {
        cause: error,
        nextRetryDelayMs: RETRY_MS,
        context: { bucket },
      },
    );
  }
}
