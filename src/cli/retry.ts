import { Command } from 'commander';
import { EnginesmithFailure } from '../contracts/failures.js';
import { connected } from './connect.js';
import { createOutput, type OutputOptions } from './output.js';

const notes = `
A pipeline that the Hub refuses, because a licence is not accepted or a token is
missing or lacks the right, is parked: it waits until this command is given, and
asks the Hub again then. \`npx enginesmith status ID\` says what it waits for.
A token in the file HF_TOKEN_PATH of a worker counts at once.

Examples:
  $ npx enginesmith retry llama-3-8b-fp8-1a2b3c4d5e6f
  $ npx enginesmith retry --json llama-3-8b-fp8-1a2b3c4d5e6f | jq '.retried'`;

export const retryCommand = (): Command =>
  new Command('retry')
    .description('Lets a parked pipeline try again what it was refused.')
    .argument('<id>', 'workflow id, as `run` prints it')
    .option('--json', 'print {"workflowId","retried"}')
    .addHelpText('after', notes)
    .action(retry);

async function retry(workflowId: string, options: OutputOptions): Promise<void> {
  await connected(async ({ enginesmith, describe }) => {
    const { runId, status } = await describe(workflowId);
    const parked = status === 'RUNNING' ? await enginesmith.retry(workflowId, runId) : [];
    if (parked.length === 0) {
      throw new EnginesmithFailure(
        'NotFound',
        `${workflowId} is ${status.toLowerCase()} and not parked: nothing of it waits to be tried again. ` +
          '`npx enginesmith resume ID` starts one again that has failed.',
        { context: { workflowId, status } },
      );
    }
    const retried = parked.map(({ step }) => step);
    createOutput(options).result({ workflowId, retried }, `${workflowId}: ${retried.join(', ')} tried again`);
  });
}
