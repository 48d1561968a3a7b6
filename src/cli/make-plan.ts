import type { AdmittedSpec, Look, ToolchainIdentity } from '../contracts/admitted-spec.js';
import { type ActionKey, type ArtifactReference, type Digest, isContentRevision } from '../contracts/artifacts.js';
import type { AppliedRemedy } from '../contracts/remedies.js';
import type { Spec } from '../contracts/spec.js';
import type { StepId } from '../contracts/steps.js';
import { serveTaskQueue } from '../contracts/task-queues.js';
import { isCommit } from '../platform/hub/hub-file.js';
import { admitSpec, type FloatingSource, resolveCommits } from '../toolchains/admit-spec.js';
import { type CommandTemplate, renderArgv } from '../toolchains/command.js';
import { launchTritonServerCommand } from '../toolchains/launch-triton-server.js';
import { findRelease } from '../toolchains/releases.js';
import { allowedRemedies } from '../toolchains/remedies.js';
import {
  copyTemplatesCommand,
  ENSEMBLE_TEMPLATE,
  fillTemplateCommands,
  templateValues,
} from '../toolchains/serving-templates.js';
import { stepKey } from '../toolchains/step-key.js';
import type { StepPlan } from '../toolchains/step-plan.js';
import { planSteps } from '../toolchains/step-plans.js';

export interface PlannedStep {
  name: string;
  queue: string;
  /** `maybe`: its key needs what an earlier step, or admission, has yet to find out. */
  action: 'run' | 'reuse' | 'maybe';
  reason: string;
  key: ActionKey | null;
  gpus: number;
  /** Placeholders such as `{output}` stand for paths, ports and GPU ids of an attempt. */
  commands: { argv: string[] }[];
  /** What onFailure of the spec lets the pipeline change first where the step fails; absent where there is nothing. */
  remedies?: AppliedRemedy[];
}

/** What a pipeline would do now; one that is planned only has no keys. */
export interface Plan {
  spec: { name: string; digest: Digest };
  toolchain: { name: string; release: string };
  steps: PlannedStep[];
}

export interface PlanContext {
  /** The toolchain of this host where it is the spec's: without it the keys of its steps are unknown. */
  toolchain: ToolchainIdentity | null;
  servingHost: string;
  /** What the store has for a key. */
  lookup: (key: ActionKey) => Promise<Digest | undefined>;
  hasArtifact: (digest: Digest) => Promise<boolean>;
  /** The commit, or content digest, of a source; null leaves its revision open until admission. */
  resolveCommit: (source: FloatingSource) => Promise<string | null>;
}

/** Stands where no toolchain is known; no key is made of it. */
const NO_TOOLCHAIN = 'unknown';

const render = (templates: CommandTemplate[]): { argv: string[] }[] =>
  templates.map((template) => ({ argv: renderArgv(template) }));

/** Why a step of a later look may run. */
const UNDECIDED = 'if undecided';

/** What runs only while the first look is undecided. The shards are cut before, all of them. */
function stepsOfLaterLooks(looks: readonly Look[]): Set<StepId> {
  const later = looks.slice(1);
  const ofShard = (index: number): StepId[] => [
    `evaluation-${index}`,
    `baseline-evaluation-${index}`,
    `agreement-${index}`,
  ];
  return new Set(
    later.flatMap(({ number, shards }): StepId[] => [
      ...shards.flatMap(({ index }) => ofShard(index)),
      `gate-${number}`,
    ]),
  );
}

/** What the spec starts from, by digest: what it is was not looked at. */
function startOf({ start }: Spec): ArtifactReference | null {
  if (start?.engine !== undefined) return { kind: 'engine', digest: start.engine, bytes: 0 };
  return start?.checkpoint === undefined ? null : { kind: 'checkpoint', digest: start.checkpoint, bytes: 0 };
}

/** Pins a spec as its admission would, as far as that is known here. */
export async function admitForPlan(
  spec: Spec,
  context: Pick<PlanContext, 'toolchain' | 'servingHost' | 'resolveCommit'>,
): Promise<AdmittedSpec> {
  const { name, release } = findRelease(spec.toolchain);
  // A revision that stays open stands for its commit, so that equal revisions are still one step.
  const commits = await resolveCommits(
    spec,
    async (source) => (await context.resolveCommit(source)) ?? source.revision,
  );
  return admitSpec({
    spec,
    commits,
    toolchain: context.toolchain ?? { name, release, identity: NO_TOOLCHAIN },
    // Pinned by digest: what is in the store is checked at admission.
    pinnedEvaluations: (spec.gate.baseline.evaluations ?? []).map((digest) => ({
      kind: 'evaluation',
      digest,
      bytes: 0,
    })),
    start: startOf(spec),
    servingHost: context.servingHost,
    expectedRevision: 0,
  });
}

/** Walks a spec's steps as its pipeline would, looking up what the store has, without running anything. */
export async function makePlan(spec: Spec, context: PlanContext): Promise<Plan> {
  const toolchain = findRelease(spec.toolchain);
  const { name, release } = toolchain;
  const admitted = await admitForPlan(spec, context);
  const plans = planSteps(admitted);
  const activities = new Map(plans.map(({ id, activity }) => [id, activity]));
  const found = new Map<StepId, Digest>();
  const laterLook = stepsOfLaterLooks(admitted.looks);
  const decide = async (plan: StepPlan): Promise<Pick<PlannedStep, 'action' | 'reason' | 'key'>> => {
    const maybe = (after: string) =>
      ({ action: 'maybe', reason: laterLook.has(plan.id) ? UNDECIDED : `after ${after}`, key: null }) as const;
    const commit = plan.activity === 'download' ? `${plan.parameters.commit}` : null;
    if (commit !== null && !isCommit(commit) && !isContentRevision(commit)) return maybe('admit');
    const inputs: Record<string, Digest> = {};
    for (const [role, input] of Object.entries(plan.inputs)) {
      if (input === undefined) continue;
      const digest = typeof input === 'string' ? found.get(input) : input.pinned;
      if (digest === undefined) return maybe(typeof input === 'string' ? (activities.get(input) ?? input) : 'admit');
      inputs[role] = digest;
    }
    if (plan.usesToolchain && context.toolchain === null) return maybe('admit');
    const key = stepKey(plan, inputs, admitted);
    const imported = commit !== null && isContentRevision(commit) && (await context.hasArtifact(commit));
    const digest = imported ? commit : await context.lookup(key);
    if (digest === undefined) {
      if (laterLook.has(plan.id)) return { action: 'maybe', reason: UNDECIDED, key };
      return { action: 'run', reason: 'not in the store', key };
    }
    found.set(plan.id, digest);
    return { action: 'reuse', reason: 'in the store', key };
  };

  const steps: PlannedStep[] = [];
  for (const plan of plans) {
    const { id, queue, gpus, command } = plan;
    const commands = render(command === null ? [] : [command]);
    const remedies = allowedRemedies({ admitted, step: id }, plan.activity);
    steps.push({
      name: id,
      queue,
      ...(await decide(plan)),
      gpus,
      commands,
      ...(remedies.length === 0 ? {} : { remedies }),
    });
  }
  const values = templateValues(spec, spec.build, toolchain);
  steps.push({
    name: 'promote',
    queue: serveTaskQueue(admitted.servingHost),
    action: 'maybe',
    reason: 'after gate',
    key: null,
    gpus: admitted.worldSize,
    commands: render([
      copyTemplatesCommand(ENSEMBLE_TEMPLATE),
      ...fillTemplateCommands(values),
      launchTritonServerCommand(admitted.worldSize, release),
    ]),
  });
  return { spec: { name: spec.name, digest: admitted.specDigest }, toolchain: { name, release }, steps };
}
