import { exitCodes } from './exit-codes.js';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Calls `first` on the first Ctrl-C (or SIGTERM, or a closed terminal), and `second` on the next, which by default leaves
 * at once.
 * @returns gives the signals back
 */
export function onInterrupt(first: () => void, second: () => void = leave): () => void {
  let interrupted = false;
  const listener = (): void => {
    if (interrupted) second();
    else {
      interrupted = true;
      first();
    }
  };
  for (const signal of signals) process.on(signal, listener);
  return () => {
    for (const signal of signals) process.off(signal, listener);
  };
}

function leave(): void {
  process.exit(exitCodes.cancelled);
}
