import type { ArtifactReference, Digest } from './artifacts.js';
import type { Spec } from './spec.js';
import type { StepId } from './steps.js';

/** A repository of the Hub at a commit: what a floating revision became at admission. */
export interface PinnedSource {
  repository: string;
  /** 40 hex digits. */
  commit: string;
}

/** Whether two sources are one: what is fetched once then serves both. */
export const samePin = (left: PinnedSource, right: PinnedSource): boolean =>
  left.repository === right.repository && left.commit === right.commit;

/** One look of the gate: all that was seen by then decides. */
export interface Look {
  /** Counted from 1. */
  number: number;
  /** Articles seen by then. */
  articles: number;
  /** What it adds; `index` counts the shards of all looks, from 1. */
  shards: { index: number; from: number; count: number }[];
}

export interface ToolchainIdentity {
  name: string;
  release: string;
  /** sha256 over all that the toolchain is made of: part of every key of what it makes. */
  identity: Digest;
}

/** Steps that a resumed pipeline makes anew although the store has what they make. */
interface Remake {
  /** One of these is entered with what it made: another attempt at it, in the same run, finds it there. */
  id: string;
  steps: StepId[];
}

/**
 * A spec in which nothing floats any more. It is pinned whole in the workflow's history; everything after admission
 * depends on it and on nothing else that could move.
 */
export interface AdmittedSpec {
  spec: Spec;
  specDigest: Digest;
  model: PinnedSource;
  baselineModel: PinnedSource;
  evaluationDataset: PinnedSource;
  /** Null when nothing is calibrated. */
  calibrationDataset: PinnedSource | null;
  /** What makes the candidate's checkpoint: without quantization there is nothing for quantize.py to do. */
  checkpointActivity: 'quantize' | 'convert';
  toolchain: ToolchainIdentity;
  /** The checkpoint or the engine that the candidate starts from; absent where it starts from its model. */
  start?: ArtifactReference;
  /** How the evaluation dataset is looked at, in order: each look adds shards, and repeats none. */
  looks: Look[];
  /** Baseline evaluations that the spec pins, one a shard; empty where they are made. */
  pinnedEvaluations: ArtifactReference[];
  /** Whether candidate and baseline can be compared token by token. */
  comparesEngines: boolean;
  /** True where the baseline has no engine of its own and is asked with the candidate's at hand; absent everywhere else. */
  baselineReadsEngine?: true;
  /** False where the gate through Triton is left out, as the words of the evaluation are not known; absent everywhere else. */
  asksServed?: false;
  /** Ranks, each on a GPU of its own: tp × pp. */
  worldSize: number;
  servingHost: string;
  /** The deployment's revision when this pipeline was admitted; 0 when it has none. Promotion compares it and sets the next. */
  expectedRevision: number;
  /** Absent where everything that the store has is reused. */
  remake?: Remake;
}
