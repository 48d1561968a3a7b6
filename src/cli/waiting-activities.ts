import { deploymentWorkflowId } from '../contracts/deployment.js';
import type { PipelineProgress } from '../contracts/pipeline.js';
import type { EnginesmithClient, PipelineRun, WaitingActivity } from '../enginesmith-client.js';

/** What a pipeline waits for; while it is being promoted, what its deployment waits for. */
export async function waitingActivities(
  enginesmith: EnginesmithClient,
  { workflowId, runId }: PipelineRun,
  { steps, admitted }: PipelineProgress,
): Promise<WaitingActivity[]> {
  const promotes = steps.some(({ name, state }) => name === 'promote' && state === 'running');
  const [own, deployment] = await Promise.all([
    enginesmith.waiting(workflowId, runId),
    // It is there as soon as the update has reached it.
    promotes && admitted !== null ? enginesmith.waiting(deploymentWorkflowId(admitted.spec.name)).catch(() => []) : [],
  ]);
  return [...own, ...deployment];
}
