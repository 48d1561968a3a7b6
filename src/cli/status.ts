import { Command } from 'commander';
import type { PipelineProgress } from '../contracts/pipeline.js';
import { connected } from './connect.js';
import { createOutput, type OutputOptions } from './output.js';
import { stepLines } from './progress-view.js';

export const statusCommand = (): Command =>
  new Command('status')
    .description('Shows how far a pipeline is, also after it has ended.')
    .argument('<id>', 'workflow id, as `run` prints it')
    .option('--json', 'print {"workflowId","status","phase","steps",…}')
    .addHelpText('after', '\nExamples:\n  $ enginesmith status smollm2-135m-fp8-155477666537')
    .action(status);

async function status(workflowId: string, options: OutputOptions): Promise<void> {
  await connected(async ({ enginesmith, describe, link }) => {
    const described = await describe(workflowId);
    const progress = await enginesmith.progress(workflowId, described.runId);
    const url = link({ workflowId, runId: described.runId });
    const { phase, steps, verdict } = progress;
    createOutput(options).result(
      { workflowId, ...described, url, phase, steps, verdict },
      statusText(workflowId, described.status, url, progress),
    );
  });
}

const statusText = (workflowId: string, status: string, url: string | null, progress: PipelineProgress): string =>
  [
    `${workflowId}: ${status.toLowerCase()}, phase ${progress.phase}`,
    ...(url === null ? [] : [`  ${url}`]),
    ...stepLines(progress),
    ...(progress.verdict === null ? [] : [`Gate: ${progress.verdict}`]),
  ].join('\n');
