/** Draws that are the same on every machine. */
export interface SeededRandom {
  /** In [0, 1). */
  uniform: () => number;
  /** Standard normal. */
  normal: () => number;
}

/** mulberry32, and Box–Muller over it. */
export function seededRandom(seed: number): SeededRandom {
  let state = seed;
  const uniform = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
  return {
    uniform,
    normal: () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
  };
}
