import { WorkflowFailedError } from '@temporalio/client';
import { Command } from 'commander';
import { connected } from './connect.js';
import { createOutput, type OutputOptions } from './output.js';

export const cancelCommand = (): Command =>
  new Command('cancel')
    .description(
      'Cancels a pipeline and waits until it has ended, its tools included. What it\nhas finished stays in the store and is reused.',
    )
    .argument('<id>', 'workflow id, as `run` prints it')
    .option('--json', 'print {"workflowId","status"}')
    .addHelpText('after', '\nExamples:\n  $ npx enginesmith cancel smollm2-135m-fp8-155477666537')
    .action(cancel);

async function cancel(workflowId: string, options: OutputOptions): Promise<void> {
  await connected(async ({ enginesmith, describe }) => {
    const { runId } = await describe(workflowId);
    await enginesmith.cancel(workflowId, runId);
    await enginesmith.result(workflowId, runId).catch((failure: unknown) => {
      if (!(failure instanceof WorkflowFailedError)) throw failure;
    });
    const { status } = await describe(workflowId);
    createOutput(options).result({ workflowId, status }, `${workflowId}: ${status.toLowerCase()}`);
  });
}
