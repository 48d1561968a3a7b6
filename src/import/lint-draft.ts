import type { AnySpec } from '../contracts/any-spec.js';
import type { Finding as LintFinding } from '../contracts/finding.js';
import { benchmarkProblems } from '../toolchains/benchmark.js';
import { lintSpec } from '../toolchains/lint/lint.js';
import { visionLanguageProblems } from '../toolchains/vision-language.js';
import { type Finding, lintFinding } from './findings.js';
import type { SpecDraft } from './specs/draft.js';

/** What rules of ours say of the script's flags already. */
const saidByRules: ReadonlySet<string> = new Set(['calibration-changes-nothing', 'few-calibration-samples']);

function findingsOf(spec: AnySpec): LintFinding[] {
  if (spec.kind === 'deployment') return lintSpec(spec);
  const problems = spec.kind === 'benchmark' ? benchmarkProblems(spec) : visionLanguageProblems(spec);
  return problems.map(({ field, problem }) => ({
    code: 'spec-refused',
    severity: 'error',
    field,
    consequence: problem,
    fix: 'Correct it in the spec.',
  }));
}

/** The line that a field of the spec comes from: its own, or that of the nearest field above it that has one. */
function lineOf({ origins, line }: SpecDraft, field: string): number {
  for (let path = field; path !== ''; path = path.slice(0, Math.max(0, path.lastIndexOf('.')))) {
    const found = origins.get(path);
    if (found !== undefined) return found;
  }
  return line;
}

/** What `validate` will say of a spec, at the lines of the script that it comes from. */
export const lintDraft = (draft: SpecDraft, spec: AnySpec): Finding[] =>
  findingsOf(spec)
    // A note about what the script leaves to defaults would be about the spec's own.
    .filter(({ code, severity, field }) => !saidByRules.has(code) && (severity !== 'note' || draft.origins.has(field)))
    .map((found) =>
      lintFinding(found, {
        line: lineOf(draft, found.field),
        message: `spec ${draft.value.name}, ${found.field}: ${found.consequence}`,
      }),
    );
