import { EnginesmithFailure } from '../contracts/failures.js';
import type { Finding } from '../contracts/finding.js';
import type { Spec } from '../contracts/spec.js';
import type { Configuration } from '../platform/config.js';
import { createSpecSourceReader } from '../platform/spec-sources.js';
import { resolveCommits, type SpecSources } from '../toolchains/admit-spec.js';
import { checkSources } from '../toolchains/check-sources.js';
import { lintSpec } from '../toolchains/lint/lint.js';
import { findingText } from './finding-text.js';
import { type OpenHub, openHub } from './open-hub.js';

/**
 * Asks the Hub all that a pipeline's admission asks it: what the revisions are, whether they may be read, and whether the
 * model fits the spec and its toolchain.
 * @returns with the commits what works, but may not be meant, and what it needs
 * @throws EnginesmithFailure `ModelNotFound`, `ModelAccessDenied`, `UnsupportedModel`, `InvalidSpec`, `HubUnavailable` …
 */
export async function checkAgainstHub(
  spec: Spec,
  { hub, store }: Pick<OpenHub, 'hub' | 'store'>,
): Promise<{ commits: SpecSources<string>; findings: Finding[] }> {
  const sources = createSpecSourceReader({ hub, store });
  const commits = await resolveCommits(spec, sources.resolveCommit);
  const findings = await checkSources(spec, commits, sources);
  return { commits, findings };
}

/**
 * Refuses, before a workflow starts, what its admission would refuse, and says what is likely not meant. A Hub that cannot be reached from here may well be
 * reached from the workers: then it says so, and they check.
 */
export async function checkBeforeStart(
  spec: Spec,
  configuration: Configuration,
  note: (line: string) => void,
): Promise<void> {
  // Notes are for who asks: validate has them.
  const warn = (findings: Finding[]): void => {
    for (const finding of findings) if (finding.severity === 'warning') note(findingText(finding));
  };
  warn(lintSpec(spec));
  const opened = await openHub(configuration);
  try {
    const { findings } = await checkAgainstHub(spec, opened);
    warn(findings);
  } catch (failure) {
    if (!(failure instanceof EnginesmithFailure) || failure.type !== 'HubUnavailable') throw failure;
    note(`note: ${opened.endpoint} cannot be reached from here; the workers check it.`);
  } finally {
    await opened.close();
  }
}
