import type { ActionKeyParts } from '../contracts/action-key.js';
import type { ActionKey, Digest } from '../contracts/artifacts.js';
import { canonicalJson, type JsonObject } from '../contracts/canonical-json.js';

/** What a step's key would be the digest of, as far as it is known; null inputs are yet to be made. */
export type PlannedParts = Omit<ActionKeyParts, 'inputs'> & { inputs: Readonly<Record<string, Digest | null>> };

/** One component in which two keys of a step differ. Null: the one does not have it. Values as text. */
export interface KeyDifference {
  component: 'step version' | 'toolchain' | 'GPU architecture' | 'parameter' | 'input';
  /** Name of the parameter, role of the input; null for the others. */
  name: string | null;
  old: string | null;
  /** Null for an input: it is not there, or yet to be made. */
  new: string | null;
}

/** An action of the past, as the store remembers it. */
export interface EarlierAction {
  key: ActionKey;
  digest: Digest;
  madeAt?: string | undefined;
  /** Id of the step that made it. */
  madeAs?: string | undefined;
  components?: ActionKeyParts | undefined;
}

export type ComparableAction = EarlierAction & { components: ActionKeyParts };

/** In what two keys of one kind of step differ, in the order in which it is looked for. */
export function keyDifferences(old: ActionKeyParts, now: PlannedParts): KeyDifference[] {
  const single = (
    component: KeyDifference['component'],
    before: string | number | null,
    after: string | number | null,
  ): KeyDifference[] => (before === after ? [] : [{ component, name: null, old: asText(before), new: asText(after) }]);
  return [
    ...single('step version', old.stepVersion, now.stepVersion),
    ...single('toolchain', old.toolchainIdentity, now.toolchainIdentity),
    ...single('GPU architecture', old.gpuArchitecture, now.gpuArchitecture),
    ...entryDifferences('parameter', leavesOf(old.parameters), leavesOf(now.parameters)),
    ...entryDifferences('input', new Map(Object.entries(old.inputs)), new Map(Object.entries(now.inputs))),
  ];
}

/**
 * The earlier action of the same kind of step that differs least: one of the same step of a pipeline before others (candidate
 * and baseline have steps of one kind), then the newest.
 * @param own the key itself, whose action is no earlier one
 */
export function nearestAction(
  now: PlannedParts,
  actions: readonly EarlierAction[],
  { own, step }: { own: ActionKey | null; step: string },
): { action: ComparableAction; differences: KeyDifference[] } | null {
  const ranked = actions
    .filter(isComparable)
    .filter(({ key, components }) => key !== own && components.step === now.step)
    .map((action) => ({ action, differences: keyDifferences(action.components, now) }))
    .sort(
      (left, right) =>
        left.differences.length - right.differences.length ||
        Number(right.action.madeAs === step) - Number(left.action.madeAs === step) ||
        (right.action.madeAt ?? '').localeCompare(left.action.madeAt ?? ''),
    );
  return ranked[0] ?? null;
}

/** Actions that were made before 0.5 do not say what their keys are the digests of. */
export const isComparable = (action: EarlierAction): action is ComparableAction => action.components !== undefined;

function entryDifferences(
  component: 'parameter' | 'input',
  old: ReadonlyMap<string, string | null>,
  now: ReadonlyMap<string, string | null>,
): KeyDifference[] {
  return [...new Set([...old.keys(), ...now.keys()])].flatMap((name): KeyDifference[] => {
    const [before = null, after = null] = [old.get(name), now.get(name)];
    return before === after ? [] : [{ component, name, old: before, new: after }];
  });
}

/** Values by dotted name. */
function leavesOf(parameters: JsonObject, prefix = ''): Map<string, string> {
  const leaves = new Map<string, string>();
  for (const [name, value] of Object.entries(parameters)) {
    if (isObject(value)) for (const [path, leaf] of leavesOf(value, `${prefix}${name}.`)) leaves.set(path, leaf);
    else leaves.set(`${prefix}${name}`, typeof value === 'string' ? value : canonicalJson(value));
  }
  return leaves;
}

const isObject = (value: JsonObject[string]): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const asText = (value: string | number | null): string | null => (value === null ? null : `${value}`);
