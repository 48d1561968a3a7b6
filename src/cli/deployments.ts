import { Command } from 'commander';
import { connected } from './connect.js';
import { deploymentHistory } from './deployment-history.js';
import { deploymentText, describeDeployment } from './deployment-text.js';
import { createOutput, type OutputOptions } from './output.js';

export const deploymentsCommand = (): Command =>
  new Command('deployments')
    .description(
      'Lists every deployment: its revision, whether it serves, and where. With a\nname, shows the history of that one.',
    )
    .argument('[name]', 'deployment whose revisions are shown')
    .option('--json', 'print {"deployments":[{"name","revision","status","grpcUrl",…}]}, or all that is known of one')
    .addHelpText(
      'after',
      "\nExamples:\n  $ npx enginesmith deployments\n  $ npx enginesmith deployments smollm2-135m-fp8\n  $ npx enginesmith deployments --json | jq -r '.deployments[].grpcUrl'",
    )
    .action(deployments);

async function deployments(name: string | undefined, options: OutputOptions): Promise<void> {
  await connected(async ({ enginesmith }) => {
    if (name !== undefined) {
      const state = await enginesmith.deployment(name);
      createOutput(options).result(
        state,
        [deploymentText(describeDeployment(state)), ...deploymentHistory(state)].join('\n'),
      );
      return;
    }
    // A first promotion that failed, or still waits, has deployed nothing.
    const states = (await enginesmith.deployments()).filter(({ status }) => status !== 'empty');
    const rows = states.map(describeDeployment);
    const text =
      rows.length === 0
        ? 'Nothing was deployed yet: `npx enginesmith run SPEC` does.'
        : rows.map(deploymentText).join('\n');
    createOutput(options).result({ deployments: rows }, text);
  });
}
