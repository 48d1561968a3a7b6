import type { ReleaseNumber } from './contracts/contracts.js';

/** The minor number of a release: 11 for v0.11.0. */
const minorOf = (release: ReleaseNumber): number => Number(/^v0\.(\d+)\./.exec(release)?.[1]);

/** Whether a release is this minor one or a later one. */
export const isFrom = (release: ReleaseNumber, minor: number): boolean => minorOf(release) >= minor;
