import { WorkflowNotFoundError } from '@temporalio/client';
import { Command } from 'commander';
import { pipelineWorkflowId } from '../enginesmith-client.js';
import { checkBeforeStart } from './check-against-hub.js';
import { connected } from './connect.js';
import { followToEnd } from './follow-to-end.js';
import { createOutput, type OutputOptions } from './output.js';
import { readSpec } from './read-spec.js';

const notes = `
The same spec attaches to its running pipeline; an edited one is another
pipeline. Ctrl-C cancels the pipeline and waits until its tools have ended; a
second one leaves at once. The server is the one of \`npx enginesmith dev\`, or of
TEMPORAL_ADDRESS and the other variables and profiles of the temporal CLI.

Before a pipeline starts, the Hub is asked from here whether its model exists,
may be read and fits the spec. Where only the workers can know that, because
they have a Hub or a token of their own, --skip-hub-check leaves it to them.

Examples:
  $ npx enginesmith run examples/smollm2-135m-fp8.yaml
  $ npx enginesmith run --detach spec.yaml && npx enginesmith status ID
  $ npx enginesmith run --json spec.yaml 2>/dev/null | jq .verdict

Exit codes: 0 deployed, 2 nothing started: the spec or its model is refused,
3 rejected or inconclusive, 4 failed, 130 cancelled.`;

export const runCommand = (): Command =>
  new Command('run')
    .description('Starts the pipeline of a spec, or attaches to it, and follows it to its end.')
    .argument('<spec>', 'YAML or JSON file')
    .option('--detach', 'start only; the pipeline goes on by itself')
    .option('--skip-hub-check', 'do not ask the Hub from here; the workers ask it')
    .option('--json', 'print the outcome as JSON; progress stays on stderr')
    .addHelpText('after', notes)
    .action(run);

interface RunOptions extends OutputOptions {
  detach?: boolean;
  skipHubCheck?: boolean;
}

async function run(file: string, { detach = false, skipHubCheck = false, json }: RunOptions): Promise<void> {
  const output = createOutput({ json });
  const spec = await readSpec(file);
  await connected(async (connection) => {
    const { configuration, enginesmith, link, describe } = connection;
    const isRunning = await describe(pipelineWorkflowId(spec)).then(
      ({ status }) => status === 'RUNNING',
      (failure: unknown) => {
        if (failure instanceof WorkflowNotFoundError) return false;
        throw failure;
      },
    );
    // One that runs was admitted already: attaching to it must work whatever the Hub says now.
    if (!isRunning && !skipHubCheck) await checkBeforeStart(spec, configuration, output.note);
    const started = await enginesmith.start(spec);
    const url = link(started);
    if (detach) {
      const hint = `See how far it is: npx enginesmith status ${started.workflowId}\nFollow it:          npx enginesmith run ${file}`;
      output.result({ ...started, url }, [started.workflowId, ...(url === null ? [] : [url]), hint].join('\n'));
      return;
    }
    await followToEnd(connection, started, output);
  });
}
