import { Command } from 'commander';
import { connected } from './connect.js';
import { createOutput, type OutputOptions } from './output.js';

export const stopCommand = (): Command =>
  new Command('stop')
    .description(
      'Ends what a deployment serves and frees its GPUs. Its history stays, and the\nnext pipeline of the name can promote to it.',
    )
    .argument('<name>', 'deployment, as `deployments` lists it')
    .option('--json', 'print {"name","status","revision"}')
    .addHelpText('after', '\nExamples:\n  $ npx enginesmith stop smollm2-135m-fp8')
    .action(stop);

async function stop(name: string, options: OutputOptions): Promise<void> {
  await connected(async ({ enginesmith }) => {
    const { status, currentNumber } = await enginesmith.stop(name);
    createOutput(options).result(
      { name, status, revision: currentNumber },
      `${name}: ${status}, revision ${currentNumber}`,
    );
  });
}
