import pc from 'picocolors';
import { rougeMetrics } from '../contracts/spec.js';
import { oneScreen } from './one-screen.js';
import type { PipelineOutcome } from './pipeline-outcome.js';
import { duration } from './progress-view.js';

const colours: Record<PipelineOutcome['verdict'], (text: string) => string> = {
  DEPLOYED: pc.green,
  REJECTED: pc.red,
  INCONCLUSIVE: pc.yellow,
  FAILED: pc.red,
  CANCELLED: pc.yellow,
};

const points = (value: number): string => value.toFixed(2).padStart(10);

/**
 * The end of a pipeline for people: verdict, scores, and where to send requests.
 * @param evidence where the page that explains the verdict can be read; empty when it cannot be from here
 */
export function outcomeText(
  { workflowId, verdict, reason, steps, scores, deployment }: PipelineOutcome,
  evidence: readonly string[],
): string {
  const ran = steps.filter(({ status }) => status === 'ran');
  const workedMs = ran.reduce((sum, { durationMs }) => sum + durationMs, 0);
  return [
    `${colours[verdict](pc.bold(verdict))}  ${workflowId}`,
    oneScreen(reason, 'the Web UI has all'),
    `${ran.length} ${ran.length === 1 ? 'step' : 'steps'} ran (${duration(workedMs)} of work), ${steps.length - ran.length} were reused.`,
    ...steps.flatMap(({ name, remedies = [] }) =>
      remedies.map(({ name: remedy, after, change }) => `${name}: ${remedy} after ${after}, ${change}`),
    ),
    ...(scores === null
      ? []
      : [
          '',
          `${'ROUGE, points'.padEnd(14)}${'baseline'.padStart(10)}${'candidate'.padStart(11)}`,
          ...rougeMetrics.map(
            (metric) => `${metric.padEnd(14)}${points(scores.baseline[metric])} ${points(scores.candidate[metric])}`,
          ),
        ]),
    ...(evidence.length === 0
      ? []
      : ['', "The gate's evidence, article by article:", ...evidence.map((place) => `  ${place}`)]),
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
