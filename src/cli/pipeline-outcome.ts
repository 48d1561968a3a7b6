import type { Digest } from '../contracts/artifacts.js';
import type { RougeScores } from '../contracts/gate.js';
import type { GateSummary, PipelineProgress, PipelineResult } from '../contracts/pipeline.js';
import type { AppliedRemedy } from '../contracts/remedies.js';
import type { PipelineRun } from '../enginesmith-client.js';
import { type ExitCode, exitCodes } from './exit-codes.js';
import { rootFailure } from './temporal-errors.js';

/** How a pipeline ended: the object that `run --json` and `demo --json` print last. */
export interface PipelineOutcome {
  workflowId: string;
  verdict: PipelineResult['verdict'] | 'FAILED' | 'CANCELLED';
  reason: string;
  steps: {
    name: string;
    status: 'ran' | 'reused';
    key: string;
    digest: Digest;
    durationMs: number;
    /** What was changed after failures; absent where nothing was. */
    remedies?: AppliedRemedy[];
  }[];
  /** Null when the pipeline ended before its gate. */
  scores: { baseline: RougeScores; candidate: RougeScores } | null;
  gate: GateSummary | null;
  deployment: { name: string; revision: number; grpcUrl: string; httpUrl: string } | null;
}

/** The exit code of `run` and `demo` for each way in which a pipeline ends. */
export const exitCodeOfVerdict: Record<PipelineOutcome['verdict'], ExitCode> = {
  DEPLOYED: exitCodes.ok,
  REJECTED: exitCodes.notDeployed,
  INCONCLUSIVE: exitCodes.notDeployed,
  FAILED: exitCodes.failed,
  CANCELLED: exitCodes.cancelled,
};

export const outcomeOfResult = ({ workflowId }: PipelineRun, result: PipelineResult): PipelineOutcome => ({
  workflowId,
  verdict: result.verdict,
  reason: result.reason,
  steps: result.steps.map(({ bytes: _, ...step }) => step),
  scores: result.gate.scores,
  gate: result.gate,
  deployment: result.deployment && {
    name: result.deployment.name,
    revision: result.deployment.revision,
    grpcUrl: result.deployment.grpcUrl,
    httpUrl: result.deployment.httpUrl,
  },
});

/** @param progress what the pipeline had done when it was last asked; null when it never answered */
export function outcomeOfFailure(
  { workflowId }: PipelineRun,
  failure: unknown,
  progress: PipelineProgress | null,
): PipelineOutcome {
  const { type, message } = rootFailure(failure);
  const steps = (progress?.steps ?? []).flatMap(({ name, state, key, digest, durationMs, remedies }) =>
    (state === 'ran' || state === 'reused') && key !== null && digest !== null
      ? [{ name, status: state, key, digest, durationMs: durationMs ?? 0, ...(remedies && { remedies }) }]
      : [],
  );
  const cancelled = type === 'Cancelled';
  return {
    workflowId,
    verdict: cancelled ? 'CANCELLED' : 'FAILED',
    reason: cancelled ? message : `${type}: ${message}`,
    steps,
    scores: null,
    gate: null,
    deployment: null,
  };
}
