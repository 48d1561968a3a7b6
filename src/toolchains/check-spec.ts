import type { Finding } from '../contracts/finding.js';
import type { Spec } from '../contracts/spec.js';
import { type SpecProblem, specFailure } from '../contracts/spec-problems.js';
import { isError, lintSpec } from './lint/lint.js';
import { findRelease, type ToolchainRelease } from './releases.js';

/** A finding as one line of a failure. */
export const problemOf = ({ code, field, consequence, fix }: Finding): SpecProblem => ({
  field,
  problem: `${consequence}; ${fix}`,
  code,
});

/**
 * Checks what the schema cannot: that the spec's fields fit each other and its toolchain. Needs no server and no model.
 * @returns the toolchain's row
 * @throws EnginesmithFailure `InvalidSpec` with every field that is wrong, why, and the nearest legal choice
 */
export function checkSpec(spec: Spec): ToolchainRelease {
  const findings = lintSpec(spec);
  const errors = findings.filter(isError);
  if (errors.length === 0) return findRelease(spec.toolchain);
  throw specFailure('InvalidSpec', `The spec "${spec.name}" cannot be built:`, errors.map(problemOf), {
    context: { name: spec.name },
    findings,
  });
}
