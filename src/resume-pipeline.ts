import { type Client, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { EnginesmithFailure } from './contracts/failures.js';
import { PIPELINE_WORKFLOW_TYPE } from './contracts/pipeline.js';
import type { Resumption } from './contracts/resumption.js';
import { searchAttributes } from './contracts/search-attributes.js';
import type { StepId } from './contracts/steps.js';
import { WORKFLOW_TASK_QUEUE } from './contracts/task-queues.js';
import type { PipelineRun } from './enginesmith-client.js';
import { type PipelineHistory, readPipelineHistory } from './pipeline-history.js';
import { pinnedRevisions } from './toolchains/admit-spec.js';
import { LAST_STEP, stepsFrom } from './toolchains/dependent-steps.js';
import { planSteps } from './toolchains/step-plans.js';
import type { quantizeBuildDeploy } from './workflows/quantize-build-deploy.js';

export interface ResumeOptions {
  /** Makes this step anew, and all that depend on it, although the store has what they make. */
  from?: string | undefined;
}

export interface Resumed extends PipelineRun {
  /**
   * `running`: it runs already, and goes on as it does. `decided`: it came to its verdict, so nothing is left to do.
   * `resumed`: a new run was started.
   */
  state: 'running' | 'decided' | 'resumed';
  /** What the run before it, or the one that is attached to, was admitted as and came to. */
  earlier: PipelineHistory;
  /** Steps that are made anew. */
  remakes: StepId[];
}

/**
 * Starts a pipeline again under its workflow id, with its spec, with the commits that it was admitted with. What is complete
 * is reused; where the earlier run was to make steps anew, and did not come to a verdict, what it has made of them.
 * @throws WorkflowNotFoundError; EnginesmithFailure `NotFound` for a step that the pipeline does not have
 */
export async function resumePipeline(
  client: Client,
  workflowId: string,
  { from }: ResumeOptions = {},
): Promise<Resumed> {
  const earlier = await readPipelineHistory(client, workflowId);
  const { runId, status, admitted, resumption, result } = earlier;
  const asked = from === undefined ? [] : stepsToRemake(earlier, from);
  if (status === 'RUNNING') return { workflowId, runId, state: 'running', earlier, remakes: [] };
  const isDecided = result !== undefined && result.verdict !== 'INCONCLUSIVE';
  if (isDecided && from === undefined) return { workflowId, runId, state: 'decided', earlier, remakes: asked };
  const unfinished = from === undefined && result === undefined ? unfinishedRemake(earlier) : {};
  const remakes = unfinished.from === undefined ? asked : (admitted?.remake?.steps ?? []);

  const handle = client.workflow.getHandle(workflowId, runId);
  const described = await handle.describe();
  const goesOn: Resumption = {
    of: runId,
    pins: admitted === undefined ? (resumption?.pins ?? []) : pinnedRevisions(admitted),
    ...(from === undefined || from === LAST_STEP ? unfinished : { from }),
  };
  const summary = await described.staticSummary();
  try {
    const started = await client.workflow.start<typeof quantizeBuildDeploy>(PIPELINE_WORKFLOW_TYPE, {
      workflowId,
      workflowIdConflictPolicy: 'FAIL',
      taskQueue: WORKFLOW_TASK_QUEUE,
      args: [earlier.input, goesOn],
      ...(described.priority === undefined ? {} : { priority: described.priority }),
      // Not its phase, nor its verdict: those were the earlier run's.
      typedSearchAttributes: [
        ...described.typedSearchAttributes.getAll().filter(({ key }) => kept.includes(key.name)),
        { key: searchAttributes.pipelinePhase, value: 'admit' },
      ],
      ...(summary === undefined ? {} : { staticSummary: summary }),
    });
    return { workflowId, runId: started.firstExecutionRunId, state: 'resumed', earlier, remakes };
  } catch (failure) {
    if (!(failure instanceof WorkflowExecutionAlreadyStartedError)) throw failure;
    // Somebody else was as fast.
    const running = await readPipelineHistory(client, workflowId);
    return { workflowId, runId: running.runId, state: 'running', earlier: running, remakes: [] };
  }
}

const kept = [searchAttributes.modelId.name, searchAttributes.quantization.name];

/** What an earlier run was to make anew, and for which remake, if it was. */
function unfinishedRemake({ admitted, resumption }: PipelineHistory): Pick<Resumption, 'from' | 'remake'> {
  if (resumption?.from === undefined) return {};
  const remake = admitted?.remake?.id ?? resumption.remake;
  return { from: resumption.from, ...(remake === undefined ? {} : { remake }) };
}

function stepsToRemake({ workflowId, admitted }: PipelineHistory, from: string): StepId[] {
  if (admitted !== undefined) return stepsFrom(planSteps(admitted), from);
  throw new EnginesmithFailure(
    'NotFound',
    `${workflowId} was never admitted, so it has made no step "${from}". Resume it without --from.`,
  );
}
