import { errorLines, tacticLines } from './log-lines.js';
import type { Evidence, FailureSignature } from './signature.js';
import { failureSignatures } from './signatures.js';
import { tritonLoadFailure } from './triton.js';

/** A failure that the table knows. */
export interface ClassifiedFailure {
  signature: FailureSignature;
  /** The line that says so; undefined where another sign did. */
  line: string | undefined;
}

/** What a failed tool's output and end say about why; undefined where no row of the table matches. */
export function classifyFailure(evidence: Evidence): ClassifiedFailure | undefined {
  const loading = evidence.tool === 'triton' ? tritonLoadFailure(evidence.log) : undefined;
  const lines = [...(loading === undefined ? [] : [loading.cause]), ...errorLines(evidence.log)];
  return firstOf(evidence, lines) ?? firstOf(evidence, tacticLines(evidence.log));
}

function firstOf(evidence: Evidence, lines: readonly string[]): ClassifiedFailure | undefined {
  for (const signature of failureSignatures) {
    if (signature.tools !== undefined && !signature.tools.includes(evidence.tool)) continue;
    const line = lines.find((text) => signature.lines.some((pattern) => pattern.test(text)));
    if (line !== undefined || signature.matches?.(evidence) === true) return { signature, line };
  }
  return undefined;
}
