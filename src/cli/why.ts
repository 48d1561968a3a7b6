import { existsSync } from 'node:fs';
import { Command } from 'commander';
import type { AdmittedSpec } from '../contracts/admitted-spec.js';
import { isContentRevision } from '../contracts/artifacts.js';
import { EnginesmithFailure } from '../contracts/failures.js';
import { type Configuration, readConfiguration } from '../platform/config.js';
import { isCommit } from '../platform/hub/hub-file.js';
import type { ArtifactStore } from '../platform/store/artifact-store.js';
import { openArtifactStore } from '../platform/store/open-store.js';
import type { FloatingSource } from '../toolchains/admit-spec.js';
import { requireStep } from '../toolchains/dependent-steps.js';
import { type ExplainContext, explainSteps } from '../toolchains/explain-steps.js';
import type { EarlierAction } from '../toolchains/key-differences.js';
import { planSteps } from '../toolchains/step-plans.js';
import { admitForPlan } from './make-plan.js';
import { createOutput, type Output, type OutputOptions } from './output.js';
import { askHub, installedToolchain } from './plan-sources.js';
import { readSpec } from './read-spec.js';
import { whyText } from './why-text.js';

const notes = `
A spec is held against the artifact store under ENGINESMITH_HOME, without a
server. A branch is taken to be where the newest download found it; --resolve
asks the Hub. A workflow id needs the server that knows its history, and says
why that run ran what it ran.

An input that differs is followed to the step that makes it. Artifacts that were
made before 0.5 do not say what they were made of.

Examples:
  $ npx enginesmith why examples/smollm2-135m-fp8.yaml
  $ npx enginesmith why spec.yaml engine
  $ npx enginesmith why --json smollm2-135m-fp8-155477666537 | jq '.steps[]'`;

export const whyCommand = (): Command =>
  new Command('why')
    .description(
      'Says for each step whether what it makes is reused, and which component of\nits key differs from the nearest earlier one otherwise.',
    )
    .argument('<spec-or-id>', 'YAML or JSON file, or a workflow id as `run` prints it')
    .argument('[step]', 'this step only')
    .option('--resolve', 'ask the Hub where the branches of a spec are now')
    .option('--json', 'print {"subject","steps":[{"name","state","nearest",…}]}')
    .addHelpText('after', notes)
    .action(why);

interface WhyOptions extends OutputOptions {
  resolve?: boolean;
}

type Subject = { title: string; admitted: AdmittedSpec } & Pick<ExplainContext, 'run' | 'isToolchainKnown'>;

async function why(subject: string, step: string | undefined, { resolve = false, json }: WhyOptions): Promise<void> {
  const output = createOutput({ json });
  const configuration = readConfiguration(process.env);
  const store = await openArtifactStore(configuration);
  try {
    const actions = await store.listActions();
    const isFile = existsSync(subject) || /\.(ya?ml|json)$/.test(subject);
    const { title, admitted, ...context } = isFile
      ? await subjectOfSpec(subject, { configuration, actions, output, resolve })
      : await subjectOfRun(subject);
    if (step !== undefined) requireStep(planSteps(admitted), step);
    const explained = await explainSteps(admitted, { ...context, actions, lookup: lookupIn(store) });
    const steps = explained.filter(({ name }) => step === undefined || name === step);
    output.result({ subject, steps }, whyText(title, steps));
  } finally {
    await store.close();
  }
}

const lookupIn =
  (store: ArtifactStore): ExplainContext['lookup'] =>
  async (key) =>
    (await store.lookup(key))?.digest;

interface SpecContext {
  configuration: Configuration;
  actions: readonly EarlierAction[];
  output: Output;
  resolve: boolean;
}

async function subjectOfSpec(file: string, { configuration, actions, output, resolve }: SpecContext): Promise<Subject> {
  const spec = await readSpec(file);
  const opened = resolve ? await askHub(spec, configuration) : null;
  try {
    const toolchain = await installedToolchain(spec, configuration);
    const assumed = new Map<string, string>();
    const resolveCommit = async (source: FloatingSource): Promise<string | null> => {
      if (isCommit(source.revision) || isContentRevision(source.revision)) return source.revision;
      if (opened !== null) return (await opened.hub.resolveRevision(source)).commit;
      const commit = newestCommit(actions, source);
      if (commit !== null) assumed.set(`${source.repository}@${source.revision}`, commit);
      return commit;
    };
    const admitted = await admitForPlan(spec, { toolchain, servingHost: configuration.host, resolveCommit });
    for (const [revision, commit] of assumed) {
      output.note(`${revision} is taken to be ${commit.slice(0, 12)}, which was fetched last; --resolve asks the Hub.`);
    }
    if (toolchain === null) output.note(`This host does not have ${spec.toolchain}: the keys of its steps stay open.`);
    const title = `${spec.name}-${admitted.specDigest.slice(0, 12)}`;
    return { title, admitted, isToolchainKnown: toolchain !== null };
  } finally {
    await opened?.close();
  }
}

/** The commit of a repository that was fetched last. */
function newestCommit(actions: readonly EarlierAction[], { kind, repository }: FloatingSource): string | null {
  const fetched = actions
    .filter(({ components }) => components?.step === 'download')
    .filter(({ components }) => components?.parameters.kind === kind && components.parameters.repository === repository)
    .sort((left, right) => (right.madeAt ?? '').localeCompare(left.madeAt ?? ''));
  const commit = fetched[0]?.components?.parameters.commit;
  return typeof commit === 'string' ? commit : null;
}

/** A pipeline's newest run, as its history has it. Loaded for those who ask: a client of the server takes half a second. */
async function subjectOfRun(workflowId: string): Promise<Subject> {
  const { connected } = await import('./connect.js');
  return connected(async ({ enginesmith }) => {
    const { admitted, ran, remedies, startedAt, runId } = await enginesmith.history(workflowId);
    if (admitted === undefined) {
      throw new EnginesmithFailure(
        'NotFound',
        `${workflowId} was not admitted: it has no steps yet. Ask for its spec.`,
      );
    }
    return {
      title: `${workflowId}, run ${runId}`,
      admitted,
      isToolchainKnown: true,
      run: { ran, remedies, startedAt },
    };
  });
}
