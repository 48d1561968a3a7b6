import type { Digest } from './artifacts.js';
import type { Spec } from './spec.js';
import type { StepActivityName } from './steps.js';

/** A repository of the Hub at a commit: what a floating revision became at admission. */
export interface PinnedSource {
  repository: string;
  /** 40 hex digits. */
  commit: string;
}

/** Whether two sources are one: what is fetched once then serves both. */
export const samePin = (left: PinnedSource, right: PinnedSource): boolean =>
  left.repository === right.repository && left.commit === right.commit;

export interface ToolchainIdentity {
  name: string;
  release: string;
  /** sha256 over all that the toolchain is made of: part of every key of what it makes. */
  identity: Digest;
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
  /** Where each step activity is scheduled. */
  taskQueues: Record<StepActivityName, string>;
  /** Ranks, each on a GPU of its own: tp × pp. */
  worldSize: number;
  servingHost: string;
  /** The deployment's revision when this pipeline was admitted; 0 when it has none. Promotion compares it and sets the next. */
  expectedRevision: number;
}
