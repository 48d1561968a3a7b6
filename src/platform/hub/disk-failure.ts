import { EnginesmithFailure, type FailureContext } from '../../contracts/failures.js';
import { hasCode } from '../durable-files.js';

/**
 * What a file operation's error means when the disk took no more; every other error as it is.
 * @param doing completes "The disk took no more while …"
 */
export function orDiskFailure(error: unknown, doing: string, context: FailureContext): unknown {
  // EFBIG: the file system or the process's limit takes no file of this size.
  if (!hasCode(error, 'ENOSPC', 'EDQUOT', 'EFBIG')) return error;
  return new EnginesmithFailure(
    'InsufficientDisk',
    `The disk took no more while ${doing}. Free space, or raise the quota or file size limit of the worker; the download ` +
      'goes on from there.',
    { context: { ...context, freeBytes: 0 }, cause: error },
  );
}
