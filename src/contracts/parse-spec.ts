import type { z } from 'zod';
import { EnginesmithFailure } from './failures.js';
import { type Spec, specSchema } from './spec.js';

/** How many problems one message lists: a screen full, not a log. */
const MAXIMUM_ISSUES = 12;

const explainIssue = (issue: z.core.$ZodIssue): string => {
  const field = issue.path.length === 0 ? 'spec' : issue.path.join('.');
  if (issue.code === 'unrecognized_keys') {
    const prefix = issue.path.length === 0 ? '' : `${issue.path.join('.')}.`;
    return issue.keys.map((key) => `${prefix}${key}: unknown key`).join('\n  ');
  }
  return `${field}: ${issue.message}`;
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
  const issues = parsed.error.issues;
  const shown = issues.slice(0, MAXIMUM_ISSUES).map((issue) => `  ${explainIssue(issue)}`);
  const more = issues.length > MAXIMUM_ISSUES ? [`  and ${issues.length - MAXIMUM_ISSUES} more`] : [];
  throw new EnginesmithFailure(
    'InvalidSpec',
    [`${origin} is not a valid spec:`, ...shown, ...more, 'Correct these fields; examples/ has specs that work.'].join(
      '\n',
    ),
    { context: { origin, issues: issues.length } },
  );
}
