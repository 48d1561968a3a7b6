import pc from 'picocolors';
import type { ExplainedDifference, StepExplanation } from '../toolchains/explain-steps.js';

const marks: Record<StepExplanation['state'], string> = {
  reuse: pc.cyan('↺'),
  run: pc.yellow('▶'),
  ran: pc.green('✓'),
  maybe: pc.dim('·'),
};

const says: Record<StepExplanation['state'], string> = {
  reuse: 'reused',
  run: 'would run',
  ran: 'ran',
  maybe: 'open',
};

/** Values and digests are cut: a line is for eyes, `--json` for programs. */
const VALUE_CHARACTERS = 40;

/** Each step with its reason, and below it what differs, one component a line. */
export const whyText = (title: string, steps: readonly StepExplanation[]): string =>
  [title, '', ...steps.flatMap(stepText)].join('\n');

function stepText(step: StepExplanation): string[] {
  const head = `  ${marks[step.state]} ${step.name.padEnd(22)} ${says[step.state]}${reasonOf(step)}`;
  return [head, ...(step.isRemade ? [] : (step.nearest?.differences ?? []).flatMap((one) => differenceText(one, 6)))];
}

function reasonOf({ state, isGone, isRemade, nearest, incomparable }: StepExplanation): string {
  if (state === 'reuse') return '';
  if (isRemade) return ': it was to be made anew (resume --from)';
  if (isGone) return ': made once, now gone or in quarantine';
  if (nearest !== null)
    return `: unlike ${nearest.key.slice(0, 12)}${nearest.madeAt === null ? '' : ` of ${nearest.madeAt.slice(0, 16).replace('T', ' ')}`}`;
  if (incomparable > 0) return `: nothing like it, but ${incomparable} from before 0.5`;
  return ': nothing like it was made before';
}

function differenceText(
  { component, name, old, new: now, step, because }: ExplainedDifference,
  indent: number,
): string[] {
  const after = component === 'input' && now === null && step !== null ? `made anew by ${step}` : shown(now);
  const subject = name === null ? component : `${component} ${name}`;
  const by = component === 'input' && now !== null && step !== null ? ` (by ${step})` : '';
  return [
    `${' '.repeat(indent)}${subject}: ${shown(old)} → ${after}${by}`,
    ...because.flatMap((one) => differenceText(one, indent + 2)),
  ];
}

function shown(value: string | null): string {
  if (value === null) return 'none';
  if (/^[0-9a-f]{40,64}$/.test(value)) return value.slice(0, 12);
  return value.length > VALUE_CHARACTERS ? `${value.slice(0, VALUE_CHARACTERS)}…` : value;
}
