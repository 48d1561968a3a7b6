import type { PipelineRun } from '../enginesmith-client.js';
import type { Connected } from './connect.js';
import { evidencePlaces } from './evidence-page.js';
import { followPipeline } from './follow-pipeline.js';
import { onInterrupt } from './interrupts.js';
import { outcomeText } from './outcome-text.js';
import type { Output } from './output.js';
import { exitCodeOfVerdict } from './pipeline-outcome.js';

/** Shows a run until it has ended and prints its outcome, which is the exit code; Ctrl-C cancels it. */
export async function followToEnd(
  { configuration, enginesmith, link }: Connected,
  run: PipelineRun,
  output: Output,
): Promise<void> {
  const url = link(run);
  output.note(`Pipeline ${run.workflowId}${url === null ? '' : `\n  ${url}`}`);
  const release = onInterrupt(() => {
    output.note('Cancelling; its tools are ended first. Ctrl-C again leaves at once.');
    enginesmith.cancel(run.workflowId, run.runId).catch((failure: unknown) => output.note(`${failure}`));
  });
  try {
    const outcome = await followPipeline(enginesmith, run, output.note);
    output.result(outcome, outcomeText(outcome, evidencePlaces(configuration, outcome)));
    process.exitCode = exitCodeOfVerdict[outcome.verdict];
  } finally {
    release();
  }
}
