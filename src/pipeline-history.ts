import type { Client } from '@temporalio/client';
import type { Payload } from '@temporalio/common';
import type { AdmittedSpec } from './contracts/admitted-spec.js';
import type { ActionKey } from './contracts/artifacts.js';
import { EnginesmithFailure } from './contracts/failures.js';
import { PIPELINE_WORKFLOW_TYPE, type PipelineResult } from './contracts/pipeline.js';
import type { RemedyName } from './contracts/remedies.js';
import type { Resumption } from './contracts/resumption.js';
import type { SpecInput } from './contracts/spec.js';
import type { StepId, StepOutcome, StepRequest } from './contracts/steps.js';
import { decodePayloads } from './decode-payloads.js';

/** What Temporal remembers of one run of a pipeline. Needs no worker, and no run that is open. */
export interface PipelineHistory {
  workflowId: string;
  runId: string;
  startedAt: Date;
  /** `RUNNING`, `COMPLETED`, `FAILED`, `CANCELLED`, `TERMINATED`, `TIMED_OUT`. */
  status: string;
  input: SpecInput;
  resumption: Resumption | undefined;
  /** Undefined where it ended before it was admitted. */
  admitted: AdmittedSpec | undefined;
  /** Keys of the steps that it ran itself. */
  ran: ReadonlySet<ActionKey>;
  /** What was changed after failures of its steps, as each was asked for last. */
  remedies: ReadonlyMap<StepId, readonly RemedyName[]>;
  /** Undefined unless it came to a verdict. */
  result: PipelineResult | undefined;
}

type Event = NonNullable<
  Awaited<ReturnType<ReturnType<Client['workflow']['getHandle']>['fetchHistory']>>['events']
>[number];
type Payloads = Payload[] | null | undefined;

/**
 * Reads a run out of its history.
 * @param runId @default the newest run
 * @throws WorkflowNotFoundError; EnginesmithFailure `NotFound` for a workflow that is no pipeline
 */
export async function readPipelineHistory(
  client: Client,
  workflowId: string,
  runId?: string,
): Promise<PipelineHistory> {
  const described = await client.workflow.getHandle(workflowId, runId).describe();
  if (described.type !== PIPELINE_WORKFLOW_TYPE) {
    throw new EnginesmithFailure('NotFound', `"${workflowId}" is a workflow of type ${described.type}, no pipeline.`);
  }
  const { events } = await client.workflow.getHandle(workflowId, described.runId).fetchHistory();
  const all = events ?? [];
  const decode = (payloads: { payloads?: Payloads } | null | undefined): Promise<unknown[]> =>
    decodePayloads(client, payloads?.payloads ?? []);

  const started = all.find((event) => event.workflowExecutionStartedEventAttributes);
  const [input, resumption] = await decode(started?.workflowExecutionStartedEventAttributes?.input);
  const completed = all.find((event) => event.workflowExecutionCompletedEventAttributes);
  const [result] = await decode(completed?.workflowExecutionCompletedEventAttributes?.result);
  let admitted: unknown;
  const ran = new Set<ActionKey>();
  for (const { type, result: payloads } of completedActivities(all)) {
    const [value] = await decode(payloads);
    if (type === 'admit') admitted = value;
    else if (isOutcome(value) && value.status === 'ran') ran.add(value.key);
  }
  const remedies = new Map<StepId, RemedyName[]>();
  for (const { activityTaskScheduledEventAttributes: scheduled } of all) {
    const [request] = await decode(scheduled?.input);
    if (isRemedied(request)) remedies.set(request.step, request.remedies);
  }
  return {
    workflowId,
    runId: described.runId,
    startedAt: described.startTime,
    status: described.status.name,
    // What our own workflows and activities were given and said; admission parses what is used of it again.
    input: input as SpecInput,
    resumption: resumption as Resumption | undefined,
    admitted: admitted as AdmittedSpec | undefined,
    ran,
    remedies,
    result: result as PipelineResult | undefined,
  };
}

function completedActivities(events: readonly Event[]) {
  const types = new Map(
    events.map(({ eventId, activityTaskScheduledEventAttributes: scheduled }) => [
      `${eventId}`,
      scheduled?.activityType?.name,
    ]),
  );
  return events.flatMap(({ activityTaskCompletedEventAttributes: done }) =>
    done ? [{ type: types.get(`${done.scheduledEventId}`), result: done.result }] : [],
  );
}

const isRemedied = (value: unknown): value is Required<StepRequest> =>
  typeof value === 'object' && value !== null && 'step' in value && 'remedies' in value;

const isOutcome = (value: unknown): value is StepOutcome =>
  typeof value === 'object' && value !== null && 'key' in value && 'status' in value;
