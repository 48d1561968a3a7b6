import type { AnySpec } from '../contracts/any-spec.js';
import { specFailure } from '../contracts/spec-problems.js';
import { benchmarkProblems } from './benchmark.js';
import { checkSpec } from './check-spec.js';
import { visionLanguageProblems } from './vision-language.js';

/**
 * Checks what the schema of a spec cannot: that its fields fit each other and its toolchain.
 * @throws EnginesmithFailure `InvalidSpec` with every field that is wrong, why, and the nearest legal choice
 */
export function checkAnySpec(spec: AnySpec): void {
  if (spec.kind === 'deployment') {
    checkSpec(spec);
    return;
  }
  const problems = spec.kind === 'benchmark' ? benchmarkProblems(spec) : visionLanguageProblems(spec);
  if (problems.length === 0) return;
  throw specFailure('InvalidSpec', `The spec "${spec.name}" cannot be done:`, problems, {
    context: { name: spec.name },
  });
}
