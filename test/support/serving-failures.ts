import { ApplicationFailure } from '@temporalio/common';

/** Every GPU is leased; it is asked again. */
export const noGpu = (): Error => ApplicationFailure.retryable('2 of 2 leased', 'NoFreeGpu');

/** Every GPU is leased, and it is not asked again: another one is to make room. */
export const noFreeGpu = (): Error => ApplicationFailure.nonRetryable('2 of 2 leased', 'NoFreeGpu');

/** A worker that ends takes its attempt with it. */
export const lost = (): Error =>
  ApplicationFailure.create({ type: 'WorkerShutdown', message: 'the worker is gone', nextRetryDelay: '50ms' });
