import { EnginesmithFailure } from '../../contracts/failures.js';
import { nearMiss } from '../../contracts/near-miss.js';
import { printable } from '../../contracts/printable.js';
import { gpusNamed, gpusOfClass, type KnownGpu, knownGpus, normalizedGpuName } from '../gpus.js';

/** A GPU by its name, or the smallest known one of a class. */
export interface FoundGpu extends KnownGpu {
  /** Whether only its class was named: another GPU of the class may have more memory. */
  isSmallestOfClass: boolean;
}

/** @throws EnginesmithFailure `NotFound` with what is known, and what may be meant */
export function findGpu(asked: string): FoundGpu {
  const [smallest] = gpusOfClass(asked.toLowerCase());
  if (smallest !== undefined) return { ...smallest, isSmallestOfClass: true };
  const [named] = gpusNamed(asked);
  if (named !== undefined) return { ...named, isSmallestOfClass: false };
  const names = knownGpus.map(({ name }) => name);
  const classes = [...new Set(knownGpus.map((gpu) => gpu.class))];
  const wanted = normalizedGpuName(asked);
  // "a100" alone leaves open how much memory it has.
  const longer = wanted.length < 2 ? [] : names.filter((name) => normalizedGpuName(name).startsWith(wanted));
  const meant = longer.length > 0 ? longer.join(' or ') : nearMiss(asked, [...names, ...classes]);
  throw new EnginesmithFailure(
    'NotFound',
    `"${printable(asked)}" is no GPU that is known; known are ${names.join(', ')}, and the classes ${classes.join(', ')}` +
      `${meant === undefined ? '' : `. Did you mean ${meant}?`}`,
    { context: { gpu: printable(asked) } },
  );
}
