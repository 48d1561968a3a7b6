import { TransientFault } from './retry.js';

/** Of one connection within the longest silence that is borne: with fewer, it is as good as stalled, and another may be quick. */
const MINIMUM_BYTES = 16 * 1024;

/**
 * Tells a connection that trickles from one that is slow. Nothing is measured while nothing arrives: silence has its own limit,
 * before the first piece too.
 * @returns to be called with the length of each piece that arrives; throws a TransientFault when they come to too little
 */
export function createPaceWatch(host: string, windowMs: number): (bytes: number) => void {
  let since: number | undefined;
  let arrived = 0;
  return (bytes) => {
    const now = performance.now();
    since ??= now;
    arrived += bytes;
    if (now - since < windowMs) return;
    if (arrived < MINIMUM_BYTES) throw new TransientFault(`${host} sent ${arrived} bytes in ${windowMs} ms`);
    since = now;
    arrived = 0;
  };
}
