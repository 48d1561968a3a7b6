import { Command } from 'commander';
import { connected } from './connect.js';
import { createOutput, type OutputOptions } from './output.js';
import { parkedLines } from './parked-text.js';
import { stepLines, waitingLine } from './progress-view.js';
import { waitingActivities } from './waiting-activities.js';

export const statusCommand = (): Command =>
  new Command('status')
    .description('Shows how far a pipeline is, also after it has ended.')
    .argument('<id>', 'workflow id, as `run` prints it')
    .option('--json', 'print {"workflowId","status","phase","steps",…}')
    .addHelpText('after', '\nExamples:\n  $ npx enginesmith status smollm2-135m-fp8-155477666537')
    .action(status);

async function status(workflowId: string, options: OutputOptions): Promise<void> {
  await connected(async ({ enginesmith, describe, link }) => {
    const described = await describe(workflowId);
    const { runId } = described;
    const progress = await enginesmith.progress(workflowId, runId);
    const waiting = await waitingActivities(enginesmith, { workflowId, runId }, progress);
    const running = await enginesmith.running(workflowId, runId);
    const url = link({ workflowId, runId });
    const { phase, steps, verdict, parked = [] } = progress;
    const text = [
      `${workflowId}: ${described.status.toLowerCase()}, phase ${phase}`,
      ...(url === null ? [] : [`  ${url}`]),
      ...stepLines(progress, running),
      ...waiting.map(waitingLine),
      ...parkedLines(workflowId, parked),
      ...(verdict === null ? [] : [`Gate: ${verdict}`]),
    ];
    createOutput(options).result(
      { workflowId, ...described, url, phase, steps, running, waiting, parked, verdict },
      text.join('\n'),
    );
  });
}
