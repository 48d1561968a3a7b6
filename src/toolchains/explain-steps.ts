import { actionKey } from '../contracts/action-key.js';
import type { AdmittedSpec } from '../contracts/admitted-spec.js';
import { type ActionKey, type Digest, isContentRevision } from '../contracts/artifacts.js';
import type { RemedyName } from '../contracts/remedies.js';
import type { StepId } from '../contracts/steps.js';
import {
  type ComparableAction,
  type EarlierAction,
  isComparable,
  type KeyDifference,
  keyDifferences,
  nearestAction,
  type PlannedParts,
} from './key-differences.js';
import { planRemedied } from './remedies.js';
import { stepKeyParts } from './step-key.js';
import type { StepPlan } from './step-plan.js';
import { planSteps } from './step-plans.js';

/** A difference, and for an input why it is another one: what differs in the step that makes it. */
export interface ExplainedDifference extends KeyDifference {
  /** The step that makes the input; null for anything else, and for an input that the spec pins. */
  step: StepId | null;
  /** Empty where the store does not remember how the old input was made, or the same action made other content. */
  because: ExplainedDifference[];
}

export interface StepExplanation {
  name: StepId;
  /**
   * `reuse`: the store has it. `run`: it does not. `ran`: this pipeline made it, or had it made anew. `maybe`: its key is not
   * known as long as a revision or the toolchain is not.
   */
  state: 'reuse' | 'run' | 'ran' | 'maybe';
  key: ActionKey | null;
  digest: Digest | null;
  /** Its action was made before, and the artifact is no longer there or in quarantine. */
  isGone: boolean;
  /** It was asked for anew: `resume --from`. */
  isRemade: boolean;
  /** What differs least from it; null when it is reused, or no earlier action of its kind can be compared. */
  nearest: { key: ActionKey; digest: Digest; madeAt: string | null; differences: ExplainedDifference[] } | null;
  /** Earlier actions of any kind that do not say what their keys are the digests of, as they were made before 0.5. */
  incomparable: number;
}

export interface ExplainContext {
  /** All that the store remembers. */
  actions: readonly EarlierAction[];
  lookup: (key: ActionKey) => Promise<Digest | undefined>;
  /** False: the toolchain of the admitted spec is no real one, and says nothing. */
  isToolchainKnown: boolean;
  /** A run whose steps are explained: what it made itself, and when it began. @default none */
  run?: {
    ran: ReadonlySet<ActionKey>;
    /** What was changed after failures of its steps. */
    remedies: ReadonlyMap<StepId, readonly RemedyName[]>;
    startedAt: Date;
  };
}

/** For each step of a pipeline: whether it is reused, and what its key differs in from the nearest earlier one otherwise. */
export async function explainSteps(admitted: AdmittedSpec, context: ExplainContext): Promise<StepExplanation[]> {
  const plans = planSteps(admitted).map(
    (plan) => planRemedied({ admitted, step: plan.id, remedies: context.run?.remedies.get(plan.id) ?? [] }) ?? plan,
  );
  const made = new Map<StepId, Digest>();
  const parts = new Map<StepId, PlannedParts>();
  const open = new Set<StepId>();
  const explanations: StepExplanation[] = [];
  const incomparable = context.actions.filter((action) => !isComparable(action)).length;
  const explainInputs = createInputExplainer({ plans, parts, actions: context.actions });

  for (const plan of plans) {
    const inputs = inputsOf(plan, made);
    const now = { ...stepKeyParts(plan, {}, admitted), inputs };
    parts.set(plan.id, now);
    const commit = plan.activity === 'download' ? `${plan.parameters.commit}` : null;
    const isOpen =
      (commit !== null && !/^[0-9a-f]{40}([0-9a-f]{24})?$/.test(commit)) ||
      (plan.usesToolchain && !context.isToolchainKnown) ||
      Object.values(plan.inputs).some((input) => typeof input === 'string' && open.has(input));
    if (isOpen) open.add(plan.id);
    const complete = isComplete(inputs) ? inputs : null;
    const key = complete === null || isOpen ? null : actionKey({ ...now, inputs: complete });
    const imported = commit !== null && isContentRevision(commit) ? commit : undefined;
    const digest = key === null ? undefined : (imported ?? (await context.lookup(key)));
    if (digest !== undefined) made.set(plan.id, digest);

    const ran = key !== null && context.run?.ran.has(key) === true;
    const state = isOpen ? 'maybe' : ran ? 'ran' : digest === undefined ? 'run' : 'reuse';
    const own = context.actions.find((action) => action.key === key);
    const earlier = ran ? before(context.actions, context.run?.startedAt) : context.actions;
    const found = state === 'reuse' ? null : nearestAction(now, earlier, { own: key, step: plan.id });
    explanations.push({
      name: plan.id,
      state,
      key,
      digest: digest ?? null,
      isGone: state === 'run' && own !== undefined,
      isRemade: ran && admitted.remake?.steps.includes(plan.id) === true,
      nearest: found && {
        key: found.action.key,
        digest: found.action.digest,
        madeAt: found.action.madeAt ?? null,
        differences: explainInputs(plan, found.differences.filter(isKnown(plan, context))),
      },
      incomparable,
    });
  }
  return explanations;
}

/** A toolchain that is not known differs from every other one, and that says nothing. */
const isKnown =
  ({ usesToolchain }: StepPlan, { isToolchainKnown }: ExplainContext) =>
  ({ component }: KeyDifference): boolean =>
    component !== 'toolchain' || !usesToolchain || isToolchainKnown;

function inputsOf(plan: StepPlan, made: ReadonlyMap<StepId, Digest>): Record<string, Digest | null> {
  const inputs: Record<string, Digest | null> = {};
  for (const [role, input] of Object.entries(plan.inputs)) {
    if (input !== undefined) inputs[role] = typeof input === 'string' ? (made.get(input) ?? null) : input.pinned;
  }
  return inputs;
}

const isComplete = (inputs: Record<string, Digest | null>): inputs is Record<string, Digest> =>
  Object.values(inputs).every((digest) => digest !== null);

const before = (actions: readonly EarlierAction[], time: Date | undefined): EarlierAction[] =>
  actions.filter(({ madeAt }) => madeAt !== undefined && time !== undefined && madeAt < time.toISOString());

/** Follows each input that differs to the step that makes it, and what differs there from what made the old one. */
function createInputExplainer({
  plans,
  parts,
  actions,
}: {
  plans: readonly StepPlan[];
  parts: ReadonlyMap<StepId, PlannedParts>;
  actions: readonly EarlierAction[];
}) {
  const byDigest = new Map<Digest, ComparableAction>(
    actions.filter(isComparable).map((action) => [action.digest, action]),
  );
  const explain = (plan: StepPlan, differences: KeyDifference[]): ExplainedDifference[] =>
    differences.map((difference) => {
      const maker = difference.component === 'input' ? makerOf(plan, difference.name, plans) : undefined;
      const old = byDigest.get(difference.old ?? '');
      const now = maker && parts.get(maker.id);
      const because =
        maker && now && old?.components.step === now.step ? explain(maker, keyDifferences(old.components, now)) : [];
      return { ...difference, step: maker?.id ?? null, because };
    });
  return explain;
}

function makerOf(plan: StepPlan, role: string | null, plans: readonly StepPlan[]): StepPlan | undefined {
  const input = Object.entries(plan.inputs).find(([name]) => name === role)?.[1];
  return plans.find(({ id }) => id === input);
}
