import type { FailureType } from './failures.js';

/** What may be changed after a failure, where `onFailure` of the spec allows it. */
export type RemedyName = 'fewerBuildWorkers' | 'smallerCalibrationBatch' | 'shorterCalibrationSamples';

/**
 * `execution`: how the tool works; the step keeps its key. `semantic`: what it makes, so that the step has another key from
 * then on.
 */
export type RemedyKind = 'execution' | 'semantic';

/** A remedy as it was applied to a step. */
export interface AppliedRemedy {
  /** `remade`: nobody has to allow that an artifact which is corrupt is made again. */
  name: RemedyName | 'remade';
  kind: RemedyKind;
  /** The failure that it answers. */
  after: FailureType;
  /** What changed: `--workers 4 → 2`. */
  change: string;
}

/** Each halves a number, and none of them is larger than 8192. A step that needs more of them than this has another problem. */
export const MAXIMUM_REMEDIES = 16;
