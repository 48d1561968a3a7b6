import { EnginesmithFailure, type FailureOptions, type FailureType } from '../../contracts/failures.js';
import { type TransferredFile, type TransferTask, transferFile } from './transfer-file.js';

/** A failure in a form that survives the copy between threads, where errors lose their class and fields. */
export interface TransferFailure {
  type: FailureType;
  message: string;
  options: FailureOptions;
}

export type TransferAnswer = { done: TransferredFile } | { failed: TransferFailure };

/** Runs in a worker thread of `download.ts`: socket, hashes and file stay in this thread, so no byte is copied across. */
export default async function transfer(task: TransferTask): Promise<TransferAnswer> {
  try {
    return { done: await transferFile(task) };
  } catch (error) {
    if (!(error instanceof EnginesmithFailure)) throw error;
    const { type, message, retryable, benign, nextRetryDelayMs, context } = error;
    const options = { retryable, benign, context, ...(nextRetryDelayMs === undefined ? {} : { nextRetryDelayMs }) };
    return { failed: { type, message, options } };
  }
}
