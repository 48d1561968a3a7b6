import type { AdmittedSpec } from './admitted-spec.js';
import type { ArtifactReference } from './artifacts.js';
import type { Criterion, GateVerdict, RougeScores } from './gate.js';
import type { AppliedRemedy } from './remedies.js';
import type { RougeMetric } from './spec.js';
import type { StepReport } from './steps.js';

/** Name of the pipeline's workflow type, as `temporal workflow start --type` takes it. */
export const PIPELINE_WORKFLOW_TYPE = 'quantizeBuildDeploy';

/** What a gate decided, small enough for history; its artifact holds the evidence. */
export interface GateSummary {
  verdict: GateVerdict;
  /** One sentence with the numbers that decided. */
  reason: string;
  metric: RougeMetric;
  /** The look that it comes from, and how many there are. */
  look: number;
  looks: number;
  articles: number;
  /** Mean of candidate − baseline over articles, in points. */
  meanDifference: number;
  /** One-sided bounds in points. */
  lowerBound: number;
  upperBound: number;
  /** The non-inferiority margin in points. */
  marginPoints: number;
  scores: { baseline: RougeScores; candidate: RougeScores };
  /** Everything that decided, the margin first. */
  criteria: Criterion[];
  /** Address of the evidence as a page; null where no worker says where it can be read. */
  page: string | null;
}

/** A revision that serves. */
export interface ServingEndpoint {
  name: string;
  revision: number;
  grpcUrl: string;
  httpUrl: string;
  metricsUrl: string;
}

type PipelineVerdict = 'DEPLOYED' | 'REJECTED' | 'INCONCLUSIVE';

/** Result of a pipeline's workflow. A failed or cancelled one ends as such in Temporal and has none. */
export interface PipelineResult {
  verdict: PipelineVerdict;
  reason: string;
  specDigest: string;
  steps: StepReport[];
  gate: GateSummary;
  evidence: ArtifactReference;
  deployment: ServingEndpoint | null;
}

export type StepState = 'waiting' | 'locating' | 'running' | 'parked' | 'ran' | 'reused' | 'cancelled' | 'failed';

/** A step that waits for a person: for an accepted licence, for a token. */
export interface ParkedStep {
  /** `admit`, or a step. */
  step: string;
  /** What was refused, and what to do about it. */
  reason: string;
  /** Where the licence is read and accepted; null where the refusal names no page. */
  page: string | null;
  /** ISO 8601. */
  since: string;
}

/** Answer of the `progress` query: what the table in the Web UI shows, for programs. */
export interface PipelineProgress {
  phase: string;
  steps: {
    name: string;
    state: StepState;
    key: string | null;
    digest: string | null;
    durationMs: number | null;
    /** What was changed after failures; absent where nothing was, and in answers of older workers. */
    remedies?: AppliedRemedy[];
  }[];
  verdict: GateVerdict | null;
  /** What waits for a person; absent where nothing does. The phase is `parked` then. */
  parked?: ParkedStep[];
  admitted: AdmittedSpec | null;
}
