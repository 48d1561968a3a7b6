import type { AdmittedSpec } from './admitted-spec.js';
import type { ActionKey, ArtifactReference, Digest } from './artifacts.js';

/** Every place in a pipeline where an artifact is made. Two may share an activity: `engine` and `baseline-engine` do. */
export type StepId =
  | 'model'
  | 'baseline-model'
  | 'dataset'
  | 'calibration-dataset'
  | 'checkpoint'
  | 'baseline-checkpoint'
  | 'engine'
  | 'baseline-engine'
  | 'evaluation'
  | 'baseline-evaluation'
  | 'gate'
  | 'serving-parameters';

/** The activities that make artifacts. */
export type StepActivityName = 'download' | 'quantize' | 'convert' | 'build' | 'evaluate' | 'gate' | 'describeServing';

/**
 * What an artifact is to the step that reads it. Inputs enter keys by role, not by the step that made them, so that the
 * candidate's and the baseline's steps share what they have in common.
 */
export type InputRole =
  | 'model'
  | 'calibrationDataset'
  | 'evaluationDataset'
  | 'checkpoint'
  | 'engine'
  | 'baseline'
  | 'candidate';

/** Content digests of the artifacts that a step reads. */
export type StepInputs = Partial<Record<InputRole, Digest>>;

/** Sole argument of `locate` and of every step activity. */
export interface StepRequest {
  admitted: AdmittedSpec;
  step: StepId;
  inputs: StepInputs;
}

/** Answer of `locate`: the artifact, when the store has it. */
export interface Location {
  key: ActionKey;
  artifact: ArtifactReference | null;
}

/** Answer of a step activity. `reused` when another pipeline made the artifact between `locate` and the step. */
export interface StepOutcome {
  key: ActionKey;
  artifact: ArtifactReference;
  status: 'ran' | 'reused';
}

/** A finished step as the workflow remembers and reports it. */
export interface StepReport {
  name: StepId;
  status: 'ran' | 'reused';
  key: ActionKey;
  digest: Digest;
  bytes: number;
  durationMs: number;
}
