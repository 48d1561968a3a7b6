import type { AdmittedSpec } from './admitted-spec.js';
import type { ActionKey, ArtifactReference, Digest } from './artifacts.js';
import type { AppliedRemedy, RemedyName } from './remedies.js';

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
  | ShardStepId
  | `gate-${number}`
  | 'serving-parameters';

/** Steps of one shard of the evaluation dataset, counted from 1. Those of `gate-N` are of one look. */
type ShardStepId = `${'shard' | 'evaluation' | 'baseline-evaluation' | 'agreement'}-${number}`;

/** The activities that make artifacts. */
export type StepActivityName =
  | 'download'
  | 'quantize'
  | 'convert'
  | 'build'
  | 'sliceDataset'
  | 'evaluate'
  | 'compareEngines'
  | 'gate'
  | 'describeServing';

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
  | 'baselineModel'
  | 'baselineEngine'
  | 'baselineEvaluation'
  | `${'candidate' | 'baseline' | 'agreement'}-${number}`;

/** Content digests of the artifacts that a step reads. */
export type StepInputs = Partial<Record<InputRole, Digest>>;

/** Sole argument of `locate` and of every step activity. */
export interface StepRequest {
  admitted: AdmittedSpec;
  step: StepId;
  inputs: StepInputs;
  /** What was changed after failures, in order; a name that comes twice is applied twice. @default none */
  remedies?: RemedyName[];
}

/** Answer of `locate`: the artifact, when the store has it, and where it is made otherwise. */
export interface Location {
  key: ActionKey;
  queue: string;
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
  /** What was changed until it succeeded; absent where nothing was. */
  remedies?: AppliedRemedy[];
}
