import { setTimeout as sleep } from 'node:timers/promises';
import { WorkflowFailedError } from '@temporalio/client';
import type { PipelineProgress, PipelineResult } from '../contracts/pipeline.js';
import type { EnginesmithClient, PipelineRun } from '../enginesmith-client.js';
import { parkedLines } from './parked-text.js';
import { outcomeOfFailure, outcomeOfResult, type PipelineOutcome } from './pipeline-outcome.js';
import { createProgressView } from './progress-view.js';
import { isUnanswered } from './temporal-errors.js';
import { waitingActivities } from './waiting-activities.js';

const POLL_INTERVAL_MS = 500;

/** So many questions in a row without an answer mean that no worker is there. */
const UNANSWERED_QUESTIONS = 3;

/** How long Temporal may be away before whoever follows a pipeline gives up; the pipeline itself does not. */
const OUTAGE_MS = 120_000;

/**
 * Shows a pipeline until it has ended.
 * @param note tells what is worth a line beside the progress
 * @throws whatever Temporal's client throws, but for the workflow's own failure, which is an outcome
 */
export async function followPipeline(
  enginesmith: EnginesmithClient,
  run: PipelineRun,
  note: (line: string) => void,
): Promise<PipelineOutcome> {
  const { workflowId, runId } = run;
  const view = createProgressView();
  let progress: PipelineProgress | null = null;
  let unanswered = 0;
  let saidParked = '';
  const ask = async (): Promise<void> => {
    try {
      progress = await enginesmith.progress(workflowId, runId);
      unanswered = 0;
      const [waiting, running] = await Promise.all([
        waitingActivities(enginesmith, run, progress),
        enginesmith.running(workflowId, runId),
      ]);
      view.show(progress, waiting, running);
      const parked = parkedLines(workflowId, progress.parked).join('\n');
      if (parked !== '' && parked !== saidParked) note(parked);
      saidParked = parked;
    } catch {
      unanswered += 1;
      if (unanswered === UNANSWERED_QUESTIONS)
        note('No worker answers yet. `npx enginesmith dev` starts one; the pipeline waits.');
    }
  };

  const result = (): Promise<Settled<PipelineResult>> => settled(enginesmith.result(workflowId, runId));
  const givenUpAt = (): number => Date.now() + OUTAGE_MS;
  let ending = result();
  let ended: Settled<PipelineResult> | null = null;
  let deadline = givenUpAt();
  while (ended === null) {
    await ask();
    if (unanswered === 0) deadline = givenUpAt();
    ended = await Promise.race([ending, sleep(POLL_INTERVAL_MS, null)]);
    // The pipeline goes on without us: an environment that is started again answers where it was.
    if (ended !== null && 'failure' in ended && isUnanswered(ended.failure) && Date.now() < deadline) {
      ended = null;
      ending = sleep(POLL_INTERVAL_MS).then(result);
    }
  }
  await ask();
  view.done();
  if ('value' in ended) return outcomeOfResult(run, ended.value);
  if (ended.failure instanceof WorkflowFailedError) return outcomeOfFailure(run, ended.failure, progress);
  throw ended.failure;
}

type Settled<Value> = { value: Value } | { failure: unknown };

/** The end of a promise as a value: it may come while nobody awaits it. */
const settled = <Value>(promise: Promise<Value>): Promise<Settled<Value>> =>
  promise.then(
    (value) => ({ value }),
    (failure: unknown) => ({ failure }),
  );
