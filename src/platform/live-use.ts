import type { Client } from '@temporalio/client';
import {
  DEPLOYMENT_WORKFLOW_TYPE,
  type DeployedRevision,
  type DeploymentState,
  deploymentMessages,
} from '../contracts/deployment.js';
import { PIPELINE_WORKFLOW_TYPE } from '../contracts/pipeline.js';
import type { LiveUse } from './store/keep-reasons.js';

/** A query is answered by a worker: without one, it would wait for half a minute. */
const QUERY_TIMEOUT_MS = 5_000;

const runningOf = (type: string): string => `WorkflowType = '${type}' AND ExecutionStatus = 'Running'`;

/**
 * Asks Temporal what runs, and what the deployments serve and can be rolled back to. Errors of Temporal pass through: who
 * gets no answer from one deployment knows nothing of what may be removed.
 */
export async function askLiveUse(client: Client): Promise<LiveUse> {
  const { workflow } = client;
  const running = new Set<string>();
  const runningRunIds = new Set<string>();
  for await (const { workflowId, runId } of workflow.list({ query: runningOf(PIPELINE_WORKFLOW_TYPE) })) {
    running.add(workflowId);
    runningRunIds.add(runId);
  }
  // After the pipelines: what one of them promotes between the two questions is then in the answer to this one.
  const deployments: LiveUse['deployments'][number][] = [];
  for await (const { workflowId } of workflow.list({ query: runningOf(DEPLOYMENT_WORKFLOW_TYPE) })) {
    const { name, currentNumber, revisions } = await client.withDeadline(Date.now() + QUERY_TIMEOUT_MS, () =>
      workflow.getHandle(workflowId).query<DeploymentState>(deploymentMessages.describe),
    );
    for (const revision of revisions) {
      const { number } = revision;
      deployments.push({ name, revision: number, current: number === currentNumber, digests: digestsOf(revision) });
    }
  }
  return { namespace: client.options.namespace, running, runningRunIds, deployments };
}

function digestsOf({ description }: DeployedRevision): string[] {
  const { servingParameters, engine, model, evidence, servedGate } = description;
  const asked = servedGate === undefined ? [] : [servedGate.evaluation, servedGate.shard];
  return [servingParameters, engine, model, evidence, ...asked].map(({ digest }) => digest);
}
