import { Command } from 'commander';
import { isContentRevision } from '../contracts/artifacts.js';
import { readConfiguration } from '../platform/config.js';
import { isCommit } from '../platform/hub/hub-file.js';
import { openArtifactStore } from '../platform/store/open-store.js';
import { makeFixedPlan } from './make-fixed-plan.js';
import { makePlan } from './make-plan.js';
import { createOutput, type OutputOptions } from './output.js';
import { askHub, installedToolchain } from './plan-sources.js';
import { planText } from './plan-text.js';
import { readAnySpec } from './read-spec.js';

const examples = `
Needs no server. A branch is pinned when a pipeline starts, so what depends on
it is open until then; --resolve asks the Hub now, and then the artifact store
under ENGINESMITH_HOME says what is there already.

Examples:
  $ npx enginesmith plan examples/smollm2-135m-fp8.yaml
  $ npx enginesmith plan --resolve --commands examples/smollm2-135m-fp8.yaml
  $ npx enginesmith plan --toolchain trtllm-0.12 examples/qwen2-7b-fp8.yaml
  $ npx enginesmith plan --json spec.yaml | jq '.steps[] | {name, action, key}'`;

export const planCommand = (): Command =>
  new Command('plan')
    .description(
      'Shows each step of a pipeline: whether it would run, on which queue, with\nhow many GPUs, and its command lines.',
    )
    .argument('<spec>', 'YAML or JSON file')
    .option('--toolchain <name>', 'plan for this toolchain, whatever the spec says: trtllm-0.12')
    .option('--resolve', 'ask the Hub what the revisions are now, and check the model')
    .option('--commands', 'show the command lines, with {placeholders} for paths')
    .option('--json', 'print the plan as JSON, command lines included')
    .addHelpText('after', examples)
    .action(plan);

interface PlanOptions extends OutputOptions {
  resolve?: boolean;
  commands?: boolean;
  toolchain?: string;
}

async function plan(file: string, { resolve = false, commands = false, toolchain, json }: PlanOptions): Promise<void> {
  const spec = await readAnySpec(file, { toolchain });
  if (spec.kind !== 'deployment') {
    const made = makeFixedPlan(spec);
    createOutput({ json }).result(made, planText(made, { commands }));
    return;
  }
  const configuration = readConfiguration(process.env);
  const store = await openArtifactStore(configuration);
  const output = createOutput({ json });
  const opened = resolve ? await askHub(spec, configuration) : null;
  try {
    const made = await makePlan(spec, {
      toolchain: await installedToolchain(spec, configuration),
      servingHost: configuration.host,
      lookup: async (key) => (await store.lookup(key))?.digest,
      hasArtifact: async (digest) => (await store.describe(digest)) !== undefined,
      resolveCommit: async (source) => {
        if (isCommit(source.revision) || isContentRevision(source.revision)) return source.revision;
        return opened === null ? null : (await opened.hub.resolveRevision(source)).commit;
      },
    });
    output.result(made, planText(made, { commands }));
  } finally {
    await opened?.close();
    await store.close();
  }
}
