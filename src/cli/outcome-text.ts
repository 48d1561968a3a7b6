import pc from 'picocolors';
import wrapAnsi from 'wrap-ansi';
import { rougeMetrics } from '../contracts/spec.js';
import type { PipelineOutcome } from './pipeline-outcome.js';
import { duration } from './progress-view.js';

const colours: Record<PipelineOutcome['verdict'], (text: string) => string> = {
  DEPLOYED: pc.green,
  REJECTED: pc.red,
  INCONCLUSIVE: pc.yellow,
  FAILED: pc.red,
  CANCELLED: pc.yellow,
};

/** Prose stays readable in the narrowest usual terminal. */
const TEXT_COLUMNS = 80;

const points = (value: number): string => value.toFixed(2).padStart(10);

/**
 * The end of a pipeline for people: verdict, scores, and where to send requests.
 * @param evidence the page that explains the verdict; null when there is none here
 */
export function outcomeText(
  { workflowId, verdict, reason, steps, scores, deployment }: PipelineOutcome,
  evidence: string | null,
): string {
  const ran = steps.filter(({ status }) => status === 'ran');
  const workedMs = ran.reduce((sum, { durationMs }) => sum + durationMs, 0);
  return [
    `${colours[verdict](pc.bold(verdict))}  ${workflowId}`,
    wrapAnsi(reason, TEXT_COLUMNS),
    `${ran.length} ${ran.length === 1 ? 'step' : 'steps'} ran (${duration(workedMs)} of work), ${steps.length - ran.length} were reused.`,
    ...(scores === null
      ? []
      : [
          '',
          `${'ROUGE, points'.padEnd(14)}${'baseline'.padStart(10)}${'candidate'.padStart(11)}`,
          ...rougeMetrics.map(
            (metric) => `${metric.padEnd(14)}${points(scores.baseline[metric])} ${points(scores.candidate[metric])}`,
          ),
        ]),
    ...(evidence === null ? [] : ['', "The gate's evidence, article by article:", `  ${evidence}`]),
    ...(deployment === null
      ? []
      : [
          '',
          `Revision ${deployment.revision} of ${deployment.name} serves:`,
          `  gRPC  ${deployment.grpcUrl}`,
          `  HTTP  ${deployment.httpUrl}`,
        ]),
  ].join('\n');
}
