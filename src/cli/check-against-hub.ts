import { EnginesmithFailure } from '../contracts/failures.js';
import type { Spec } from '../contracts/spec.js';
import type { Configuration } from '../platform/config.js';
import { readModelConfig, requireDataset } from '../platform/hub/inspect-source.js';
import { resolveCommits, type SpecSources } from '../toolchains/admit-spec.js';
import { checkSources } from '../toolchains/check-sources.js';
import { oneScreen } from './one-screen.js';
import { type OpenHub, openHub } from './open-hub.js';

/**
 * Asks the Hub all that a pipeline's admission asks it: what the revisions are, whether they may be read, and whether the
 * model fits the spec and its toolchain.
 * @param note gets what works, but may not be meant
 * @throws EnginesmithFailure `ModelNotFound`, `ModelAccessDenied`, `UnsupportedModel`, `InvalidSpec`, `HubUnavailable` …
 */
export async function checkAgainstHub(
  spec: Spec,
  { hub }: Pick<OpenHub, 'hub'>,
  note: (line: string) => void,
): Promise<SpecSources<string>> {
  const commits = await resolveCommits(spec, async ({ kind, repository, revision }) => {
    const { commit } = await hub.resolveRevision({ kind, repository, revision });
    return commit;
  });
  const notes = await checkSources(spec, commits, {
    readModelConfig: (source) => readModelConfig(hub, source),
    requireDataset: (source) => requireDataset(hub, source),
  });
  for (const line of notes) note(oneScreen(`note: ${line}`, ''));
  return commits;
}

/**
 * Refuses, before a workflow starts, what its admission would refuse. A Hub that cannot be reached from here may well be
 * reached from the workers: then it says so, and they check.
 */
export async function checkBeforeStart(
  spec: Spec,
  configuration: Configuration,
  note: (line: string) => void,
): Promise<void> {
  const opened = await openHub(configuration);
  try {
    await checkAgainstHub(spec, opened, note);
  } catch (failure) {
    if (!(failure instanceof EnginesmithFailure) || failure.type !== 'HubUnavailable') throw failure;
    note(`note: ${opened.endpoint} cannot be reached from here; the workers check it.`);
  } finally {
    await opened.close();
  }
}
