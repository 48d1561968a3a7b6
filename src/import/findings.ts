import type { Finding as LintFinding } from '../contracts/finding.js';
import { printable } from '../contracts/printable.js';

export type Severity = 'error' | 'warning' | 'note';

/**
 * What an import can say, and how much it weighs. The codes are an API: people filter by them.
 * - `error`: it fails as it is written
 * - `warning`: it runs, and does something else than it says
 * - `note`: worth knowing
 */
const severities = {
  'shell-syntax': 'error',
  'unknown-value': 'warning',
  'command-not-followed': 'warning',
  'placeholder-is-heredoc': 'warning',
  'secret-in-script': 'error',
  'release-assumed': 'note',
  'release-unknown': 'warning',
  'releases-contradict': 'warning',
  'image-holds-other-release': 'warning',
  'unknown-flag': 'error',
  'ambiguous-flag': 'error',
  'bad-value': 'error',
  'missing-value': 'error',
  'missing-flag': 'error',
  'stray-argument': 'error',
  'option-after-subcommand': 'error',
  'unknown-program': 'warning',
  'flag-not-in-claimed-release': 'warning',
  'flag-without-field': 'note',
  'checkpoint-never-made': 'warning',
  'checkpoint-from-another-recipe': 'note',
  'engine-never-built': 'warning',
  'parallelism-at-build': 'warning',
  'announced-parallelism': 'warning',
  'world-size-mismatch': 'error',
  'ranks-above-devices': 'error',
  'calibration-without-effect': 'warning',
  'few-calibration-samples': 'note',
  'name-says-other-format': 'warning',
  'name-says-other-parallelism': 'warning',
  'engine-directory-reused': 'warning',
  'shared-scratch': 'warning',
  'image-tag-reused': 'warning',
  'threshold-without-check-accuracy': 'warning',
  'template-value-split': 'error',
  'template-key-unfilled': 'error',
  'bls-model-name-unfilled': 'warning',
  'template-value-refused': 'error',
  'template-key-unknown': 'warning',
  'template-filled-twice': 'warning',
  'template-path-misspelt': 'error',
  'fill-not-in-place': 'error',
  'served-repository-unfilled': 'error',
  'beam-width-mismatch': 'error',
  'decoupled-mismatch': 'error',
  'kv-cache-below-sequence': 'warning',
  'attention-window-below-sequence': 'warning',
  'batch-size-mismatch': 'error',
  'batch-size-of-another-engine': 'note',
  'accumulate-tokens-off': 'note',
  'stream-order': 'warning',
  'http-disabled': 'warning',
  'prompt-table-size': 'error',
  'stale-image-tensor': 'warning',
  'dataset-never-written': 'error',
  'dataset-overwritten': 'warning',
  'prepare-dataset-path': 'error',
  'trust-remote-code-no-option': 'warning',
  'clocks-never-reset': 'warning',
  'clocks-of-another-gpu': 'warning',
  'grpc-only-claim': 'note',
  'fill-template-starts-nothing': 'note',
  'ammo-is-modelopt': 'note',
  'fp8-needs-no-hopper': 'note',
  'driver-floor': 'note',
  'repository-guessed': 'note',
  'repository-unknown': 'error',
  'not-a-spec': 'error',
  'family-unsupported': 'error',
  'no-room-for-output': 'warning',
  'limit-assumed': 'note',
  'gpu-below-format': 'error',
} as const satisfies Record<string, Severity>;

export type FindingCode = keyof typeof severities;

/** Something that a static reader can see to be wrong, or had to guess. */
export interface Finding {
  /** A `FindingCode`, or that of the lint rule (docs/lint.md) that speaks of a spec which was written. */
  code: string;
  severity: Severity;
  /** Of the script or page, counted from 1. */
  line: number;
  /** The flag, template key, variable or field of the spec that it is about. */
  field: string;
  message: string;
  /** What to do. */
  fix: string;
}

/** What one place says: most rules look at one command and say nothing. */
export type FindingText = Pick<Finding, 'line' | 'field' | 'message' | 'fix'>;

/** Whatever a script holds may stand in a message: a secret must not, nor what a terminal would obey. */
const shown = (text: string): string => printable(text).replaceAll(/\s+/g, ' ').slice(0, 400);

export const finding = (code: FindingCode, { line, field, message, fix }: FindingText): Finding => ({
  code,
  severity: severities[code],
  line,
  field: shown(field),
  message: shown(message),
  fix: shown(fix),
});

/** What lint says of a spec, as a finding of the script. */
export const lintFinding = (
  { code, severity, field, fix }: LintFinding,
  { line, message }: { line: number; message: string },
): Finding => ({ code, severity, line, field: shown(field), message: shown(message), fix: shown(fix) });

/** Findings by line, each once: a loop's body is read more often than it is written. */
export function sortedFindings(findings: readonly Finding[]): Finding[] {
  const distinct = new Map(findings.map((found) => [JSON.stringify(found), found]));
  return [...distinct.values()].sort((left, right) => left.line - right.line);
}
