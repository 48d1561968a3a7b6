import type { z } from 'zod';
import { EnginesmithFailure } from './failures.js';
import { type Spec, specSchema } from './spec.js';

/** How many problems one message lists: a screen full, not a log. */
const MAXIMUM_PROBLEMS = 12;

const explain = (issue: z.core.$ZodIssue): string[] => {
  const field = issue.path.join('.');
  // Zod has no code of its own for a field that is not there.
  const isMissing = issue.code === 'invalid_type' && issue.message.endsWith('received undefined');
  if (isMissing) return [`${field || 'spec'}: is required`];
  if (issue.code !== 'unrecognized_keys') return [`${field || 'spec'}: ${issue.message}`];
  return issue.keys.map((key) => `${field === '' ? key : `${field}.${key}`}: unknown key`);
};

/**
 * Parses a spec and fills every default.
 * @param value the spec as parsed JSON or YAML
 * @param origin what the messages call the spec: a file name, or where it came from
 * @throws EnginesmithFailure `InvalidSpec`, listing each field that is wrong and what was expected there
 */
export function parseSpec(value: unknown, origin: string): Spec {
  const parsed = specSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.flatMap(explain).map((problem) => `  ${problem}`);
  const shown = problems.slice(0, MAXIMUM_PROBLEMS);
  if (problems.length > shown.length) shown.push(`  and ${problems.length - shown.length} more`);
  throw new EnginesmithFailure(
    'InvalidSpec',
    [`${origin} is not a valid spec:`, ...shown, 'Correct these fields; examples/ has specs that work.'].join('\n'),
    { context: { origin, problems: problems.length } },
  );
}
