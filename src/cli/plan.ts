import { Command } from 'commander';
import type { ToolchainIdentity } from '../contracts/admitted-spec.js';
import { isContentRevision } from '../contracts/artifacts.js';
import type { Spec } from '../contracts/spec.js';
import { type Configuration, readConfiguration } from '../platform/config.js';
import { isCommit } from '../platform/hub/hub-file.js';
import { placesOf } from '../platform/places.js';
import { createArtifactStore } from '../platform/store/artifact-store.js';
import { readToolchainDescription } from '../platform/toolchain-installation.js';
import { findRelease } from '../toolchains/releases.js';
import { makeFixedPlan } from './make-fixed-plan.js';
import { makePlan } from './make-plan.js';
import type { OpenHub } from './open-hub.js';
import { createOutput, type OutputOptions } from './output.js';
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
  const store = createArtifactStore({ directory: placesOf(configuration).store, cacheDirectory: configuration.cache });
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

/** Opens the Hub and checks the spec against it. Loaded for those who ask: the half of a second is nobody else's. */
async function askHub(spec: Spec, configuration: Configuration): Promise<OpenHub> {
  const [{ openHub }, { checkAgainstHub }] = await Promise.all([
    import('./open-hub.js'),
    import('./check-against-hub.js'),
  ]);
  const opened = await openHub(configuration);
  try {
    await checkAgainstHub(spec, opened);
    return opened;
  } catch (failure) {
    await opened.close();
    throw failure;
  }
}

/**
 * The toolchain of this host, if it is the one that the spec names: keys hold its identity. An image that is named by its tag
 * has none yet: docker is not asked here.
 */
async function installedToolchain(spec: Spec, { toolchainRoot }: Configuration): Promise<ToolchainIdentity | null> {
  if (toolchainRoot === undefined) return null;
  const { name, release, identity } = await readToolchainDescription(toolchainRoot);
  if (identity === undefined || name !== spec.toolchain || release !== findRelease(name).release) return null;
  return { name, release, identity };
}
