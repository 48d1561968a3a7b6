const SHORTEST_MS = 1_000;
const LONGEST_MS = 30_000;
/** About what a short step has its GPUs for: who stands far back need not ask as often. */
const EACH_MS = 500;

/** How soon somebody at a position in the line, from 1, asks again. */
export const retryAfterMs = (position: number): number =>
  Math.min(LONGEST_MS, Math.max(SHORTEST_MS, position * EACH_MS));

/**
 * For how long a waiter at a position is remembered. Beyond its own delay: a busy worker, a queue of others that ask, a
 * worker that is deployed anew. Its place is kept by its time, so that one who is forgotten and comes again loses nothing but
 * what was given away meanwhile.
 */
export const rememberedForMs = (position: number): number => 20_000 + 2 * retryAfterMs(position);
