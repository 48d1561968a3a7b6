import { exitCodes } from './exit-codes.js';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** npm passes a Ctrl-C on that the terminal has sent to all of its processes already. */
const SAME_PRESS_MS = 250;

/**
 * Calls `first` on the first Ctrl-C (or SIGTERM, or a closed terminal), and `second` on the next, which by default leaves
 * at once.
 * @returns gives the signals back
 */
export function onInterrupt(first: () => void, second: () => void = leave): () => void {
  let firstMs: number | undefined;
  const listener = (): void => {
    if (firstMs === undefined) {
      firstMs = performance.now();
      first();
    } else if (performance.now() - firstMs > SAME_PRESS_MS) second();
  };
  for (const signal of signals) process.on(signal, listener);
  return () => {
    for (const signal of signals) process.off(signal, listener);
  };
}

function leave(): void {
  process.exit(exitCodes.cancelled);
}
