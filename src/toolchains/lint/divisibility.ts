import type { ModelShape } from '../model-config.js';

/** Largest degree of parallelism that a spec can ask for. */
const MAXIMUM_DEGREE = 64;

export const degrees = Array.from({ length: MAXIMUM_DEGREE }, (_, index) => index + 1);

/** What a spec may ask for instead. */
export const legalDegrees = (isLegal: (degree: number) => boolean, maximum: number): string =>
  `legal: ${degrees.filter((degree) => degree <= maximum && isLegal(degree)).join(', ')}`;

/**
 * Whether ranks share a model evenly: whole heads, and key-value heads that are either split or copied whole (v0.9 to v0.13).
 * The vocabulary is padded to a multiple of tp, so it sets no bound.
 */
export const divides = ({ heads, keyValueHeads, intermediateSize }: ModelShape, tensor: number): boolean =>
  heads % tensor === 0 &&
  (keyValueHeads % tensor === 0 || tensor % keyValueHeads === 0) &&
  intermediateSize % tensor === 0;
