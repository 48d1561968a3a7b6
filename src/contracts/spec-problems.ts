import { EnginesmithFailure, type FailureContext, type FailureType } from './failures.js';
import type { Finding } from './finding.js';
import { printable } from './printable.js';

/** A field of a spec, or of the model that it names, and what is wrong with it. */
export interface SpecProblem {
  field: string;
  problem: string;
  /** Of the rule of lint that found it. */
  code?: string;
}

/** What fits a terminal of 80 × 24 with a heading and what to do, when every problem takes two lines. */
const MAXIMUM_PROBLEMS = 8;
const MAXIMUM_FIELD_CHARACTERS = 60;
const MAXIMUM_PROBLEM_CHARACTERS = 240;

/** Of untrusted text: one bounded line. */
function shown(text: string, maximumCharacters: number): string {
  const line = printable(text).replaceAll(/[\n\t]/g, ' ');
  return line.length <= maximumCharacters ? line : `${line.slice(0, maximumCharacters)}…`;
}

/**
 * The failure of a spec that cannot be used: all its problems, each with its field, on one screen.
 * @param options.closing what to do, when the problems do not say it themselves
 * @param options.findings all that lint found, where the problems are lint's
 */
export function specFailure(
  type: Extract<FailureType, 'InvalidSpec' | 'UnsupportedModel'>,
  heading: string,
  problems: Iterable<SpecProblem>,
  options: { closing?: string; context?: FailureContext; findings?: readonly Finding[] } = {},
): EnginesmithFailure {
  const { closing, context = {}, findings = [] } = options;
  const lines: string[] = [];
  let count = 0;
  for (const { field, problem, code } of problems) {
    count += 1;
    if (count > MAXIMUM_PROBLEMS) continue;
    const rule = code === undefined ? '' : ` [${code}]`;
    lines.push(`  ${shown(field, MAXIMUM_FIELD_CHARACTERS)}: ${shown(problem, MAXIMUM_PROBLEM_CHARACTERS)}${rule}`);
  }
  if (count > lines.length) lines.push(`  and ${count - lines.length} more`);
  const message = [heading, ...lines, ...(closing === undefined ? [] : [closing])].join('\n');
  return new EnginesmithFailure(type, message, { context: { ...context, problems: count }, findings });
}
