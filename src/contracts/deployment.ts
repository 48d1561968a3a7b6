import type { ToolchainIdentity } from './admitted-spec.js';
import type { ArtifactReference } from './artifacts.js';
import type { GateVerdict, RougeScores } from './gate.js';
import type { GateSummary, ServingEndpoint } from './pipeline.js';
import type { SmokeReport } from './smoke.js';
import type { Spec } from './spec.js';

/** Name of the entity workflow type that owns one deployment. */
export const DEPLOYMENT_WORKFLOW_TYPE = 'deployment';

/** Workflow id of the entity that owns the deployment `name`. */
export const deploymentWorkflowId = (name: string): string => `deployment/${name}`;

/** The deployment whose entity has this workflow id; undefined for any other workflow. */
export const deploymentName = (workflowId: string): string | undefined =>
  workflowId.startsWith('deployment/') ? workflowId.slice('deployment/'.length) : undefined;

/** Names of the entity's messages, as `temporal workflow update execute --name` takes them. */
export const deploymentMessages = {
  describe: 'describe',
  promote: 'promote',
  withdraw: 'withdraw',
  rollback: 'rollback',
  yield: 'yield',
  stop: 'stop',
} as const;

/** What a revision serves, path-free: the serving host turns it into a model repository of its own. */
export interface RevisionDescription {
  servingParameters: ArtifactReference;
  engine: ArtifactReference;
  model: ArtifactReference;
  evidence: ArtifactReference;
  gate: GateSummary;
  toolchain: ToolchainIdentity;
  gpuClass: string;
  /** Ranks, each on a GPU of its own: tp × pp. */
  worldSize: number;
  host: string;
  smoke: Spec['smoke'];
  /** What the gate through Triton compares; absent where the spec asks for none, and in revisions of releases before it. */
  servedGate?: ServedGate;
  /** Workflow id of the pipeline that made it. */
  pipeline: string;
}

/** The gate on the served candidate: the same questions as its evaluation, asked through Triton. */
export interface ServedGate {
  /** The candidate's evaluation of one shard: what its engine answered without Triton. */
  evaluation: ArtifactReference;
  /** That shard of the dataset: the questions and the references. */
  shard: ArtifactReference;
  gate: Spec['gate'];
}

/** What the gate on the served candidate saw. */
export interface ServedGateReport {
  /** FAIL keeps the candidate from its name; INCONCLUSIVE, where so few answers leave both possible, does not. */
  verdict: GateVerdict;
  /** One sentence with the numbers that decided. */
  reason: string;
  articles: number;
  /** Served − engine, mean over articles in the spec's metric, in points, and its one-sided bounds. */
  meanDifference: number;
  lowerBound: number;
  upperBound: number;
  marginPoints: number;
  /** Texts that are the same through Triton as from the engine. */
  identicalTexts: number;
  scores: { engine: RougeScores; served: RougeScores };
}

/** Argument of the `promote` update. */
export interface PromoteRequest {
  /** Names this promotion, also in `withdraw`; a second attempt at it asks for the same one. */
  promotion: string;
  /** Name of the deployment. */
  name: string;
  revision: RevisionDescription;
  /** The revision number that the pipeline saw when it was admitted; another one now means that it is stale. */
  expectedRevision: number;
}

/** Answer of the `promote` update. */
export interface PromoteOutcome {
  endpoint: ServingEndpoint;
  smoke: SmokeReport;
  servedGate?: ServedGateReport;
  /** How long nothing answered under the name, in milliseconds: 0 where memory held both revisions. */
  downtimeMs: number;
}

/** The run of a pipeline whose steps have the GPUs of a deployment. A resumed pipeline is another run. */
export interface Borrower {
  /** Its workflow id. */
  pipeline: string;
  runId: string;
}

/** Argument of the `yield` update. */
export interface YieldRequest extends Borrower {
  /** The revision number that the pipeline saw when it was admitted: one that is stale stops nothing. */
  expectedRevision: number;
}

/** What a deployment has left its GPUs for. */
export interface Yielded {
  /** It serves again when all of them have ended. */
  to: Borrower[];
  /** ISO 8601. */
  since: string;
}

/** How it is named in the loans of a host. */
export const borrowerName = ({ pipeline, runId }: Borrower): string => `${pipeline}/${runId}`;

/** One entry of a deployment's history. */
export interface DeployedRevision {
  number: number;
  description: RevisionDescription;
  smoke: SmokeReport;
  servedGate?: ServedGateReport;
  /** The earlier revision that this one brought back. */
  rollbackOf?: number;
  promotedAt: string;
}

/** State of the entity workflow, its argument after continue-as-new, and the answer of its `describe` query. */
export interface DeploymentState {
  name: string;
  /** Highest revision number ever given, also to candidates that failed. */
  lastNumber: number;
  /** The revision that has the name, also while it is stopped; 0 before the first. */
  currentNumber: number;
  status: 'empty' | 'serving' | 'yielded' | 'stopped' | 'replacing' | 'restarting' | 'failed';
  endpoint: ServingEndpoint | null;
  /** Present while the status is `yielded`. */
  yielded?: Yielded;
  /** Why the last start of the current revision failed; present until it serves again, or is stopped. */
  trouble?: string;
  revisions: DeployedRevision[];
}

/** The state of a deployment that nothing was promoted to yet. */
export const emptyDeployment = (name: string): DeploymentState => ({
  name,
  lastNumber: 0,
  currentNumber: 0,
  status: 'empty',
  endpoint: null,
  revisions: [],
});
