import { WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure, CancelledFailure, TimeoutFailure } from '@temporalio/common';
import type { PipelineResult } from '../../../src/contracts/pipeline.js';
import { WORKFLOW_TASK_QUEUE } from '../../../src/contracts/task-queues.js';
import { createEnginesmithClient } from '../../../src/enginesmith-client.js';
import { watchArtifacts } from '../../support/artifact-watcher.js';
import { type ChaosEnvironment, NoSmallDisk, startChaosEnvironment } from '../../support/chaos-environment.js';
import { pendingWork } from '../../support/executions.js';
import { processesNaming } from '../../support/processes.js';
import { tinySpec } from '../../support/tiny-repositories.js';
import type { Fault, FaultContext } from './fault.js';
import { untilHostIsFree } from './free-host.js';
import { takeInventory } from './inventory.js';
import { repetitions } from './repetitions.js';
import { isExpected, type Row } from './rows.js';

/** A row that was run. */
export interface RowReport {
  fault: string;
  step: string;
  /** What shows that the fault happened. */
  proof: string | null;
  /** How the pipeline ended, or why the row was not run. */
  outcome: string;
  recoverySeconds: number | null;
  ok: boolean;
  /** What was not as it should be; empty where the row is ok, or was skipped. */
  problems: string[];
}

/** The longest honest row is a minute and a half on two busy cores. */
const LONGEST_ROW_MS = 300_000;

const PIPELINE = 'chaos';

/** Runs the full pipeline with one fault in it, and compares what there is before and after. */
export async function runRow(row: Row, fault: Fault, signal?: AbortSignal): Promise<RowReport> {
  try {
    return await inEnvironment(row, fault, signal);
  } catch (failure) {
    const outcome = failure instanceof NoSmallDisk ? 'SKIPPED' : 'UNKNOWN';
    const problem = failure instanceof Error ? failure.message : `${failure}`;
    return {
      fault: row.fault,
      step: row.step,
      proof: null,
      outcome,
      recoverySeconds: null,
      ok: false,
      problems: [problem],
    };
  }
}

async function inEnvironment(row: Row, fault: Fault, signal?: AbortSignal): Promise<RowReport> {
  const environment = await startChaosEnvironment(fault.environment);
  const watcher = watchArtifacts(environment.view(environment.places.store));
  try {
    return await Promise.race([examine(row, fault, environment, watcher), givenUp(environment, row, signal)]);
  } finally {
    await watcher.end();
    await environment.dispose();
  }
}

async function examine(
  row: Row,
  fault: Fault,
  environment: ChaosEnvironment,
  watcher: ReturnType<typeof watchArtifacts>,
): Promise<RowReport> {
  const { client } = environment;
  const before = await takeInventory(environment);
  const context: FaultContext = {
    environment,
    step: row.step,
    workflowId: PIPELINE,
    deployment: PIPELINE,
    async start() {
      const args = [(fault.spec ?? tinySpec)(PIPELINE)];
      await client.workflow.start('quantizeBuildDeploy', {
        workflowId: PIPELINE,
        taskQueue: WORKFLOW_TASK_QUEUE,
        args,
      });
    },
  };
  const injected = await fault.inject(context);
  const outcome = await endOf(environment, PIPELINE);
  const problems = [...(injected.problems ?? [])];
  if (!isExpected(row, outcome)) problems.push(`it should have ended ${row.end}`);

  const proof = await injected.proof();
  if (proof === null) problems.push('nothing shows that the fault happened');
  const { recoverySeconds } = injected;
  if (recoverySeconds === null || recoverySeconds > row.withinSeconds)
    problems.push(`it should have recovered within ${row.withinSeconds} s`);

  const workflows = await workflowIds(environment);
  await stopDeployments(environment, workflows);
  await injected.dismiss?.();
  problems.push(...(await repetitions(environment, { workflowIds: workflows, mayRepeat: injected.mayRepeat ?? [] })));
  // The service has a moment to clear up after an end that has just been told.
  problems.push(...(await untilHostIsFree(environment, before, { mayLeave: injected.mayLeave, withinMs: 5_000 })));
  await watcher.end();
  problems.push(...watcher.faults);
  await environment.stop();
  problems.push(...processesNaming(environment.home).map(({ command }) => `outlives the service: ${command}`));
  const { fault: name, step } = row;
  return { fault: name, step, proof, outcome, recoverySeconds, ok: problems.length === 0, problems };
}

async function givenUp(environment: ChaosEnvironment, row: Row, signal?: AbortSignal): Promise<never> {
  const tooLong = AbortSignal.timeout(LONGEST_ROW_MS);
  const over = signal === undefined ? tooLong : AbortSignal.any([signal, tooLong]);
  await new Promise<void>((resolve) => {
    if (over.aborted) resolve();
    over.addEventListener('abort', () => resolve(), { once: true });
  });
  const { activities } = await pendingWork(environment.client);
  const waiting = activities.map(({ type, attempt, lastFailure }) =>
    [type, `attempt ${attempt}`, lastFailure?.type, lastFailure?.message].filter(Boolean).join(' '),
  );
  throw new Error(`${row.fault}/${row.step} did not end. It waits for: ${waiting.join('; ') || 'no activity'}`);
}

/** `DEPLOYED` and other verdicts, `CANCELLED`, or `FAILED` with the type of what it failed of. */
async function endOf({ client }: ChaosEnvironment, workflowId: string): Promise<string> {
  try {
    const { verdict }: PipelineResult = await client.workflow.result(workflowId);
    return verdict;
  } catch (failure) {
    if (!(failure instanceof WorkflowFailedError)) throw failure;
    let cause: unknown = failure.cause;
    if (cause instanceof CancelledFailure) return 'CANCELLED';
    while (cause instanceof Error && cause.cause instanceof Error && !isNamed(cause)) cause = cause.cause;
    if (cause instanceof ApplicationFailure) return `FAILED ${cause.type}`;
    return `FAILED ${cause instanceof TimeoutFailure ? cause.timeoutType : `${cause}`}`;
  }
}

const isNamed = (failure: Error): boolean => failure instanceof ApplicationFailure && Boolean(failure.type);

async function workflowIds({ client }: ChaosEnvironment): Promise<string[]> {
  const found: string[] = [];
  for await (const { workflowId } of client.workflow.list()) found.push(workflowId);
  return found;
}

/** With the service's own means: a revision that serves is no leftover. */
async function stopDeployments({ client }: ChaosEnvironment, workflows: readonly string[]): Promise<void> {
  const enginesmith = createEnginesmithClient({ client });
  for (const id of workflows.filter((each) => each.startsWith('deployment/')))
    await enginesmith.stop(id.slice('deployment/'.length));
}
