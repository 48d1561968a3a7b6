import { activityInfo, cancellationSignal, log } from '@temporalio/activity';
import * as z from 'zod';
import type { AdmittedSpec } from '../contracts/admitted-spec.js';
import { EnginesmithFailure } from '../contracts/failures.js';
import { parseSpec } from '../contracts/parse-spec.js';
import { type Resumption, resumptionSchema } from '../contracts/resumption.js';
import type { SpecInput } from '../contracts/spec.js';
import { createSpecSourceReader } from '../platform/spec-sources.js';
import { admitSpec, type FloatingSource, resolveCommits } from '../toolchains/admit-spec.js';
import { checkSources } from '../toolchains/check-sources.js';
import { checkSpec } from '../toolchains/check-spec.js';
import { stepsFrom } from '../toolchains/dependent-steps.js';
import { lintSpec } from '../toolchains/lint/lint.js';
import { planSteps } from '../toolchains/step-plans.js';
import type { ActivityDependencies } from './dependencies.js';
import { findStart } from './find-start.js';
import { findPinnedEvaluations } from './pinned-evaluations.js';
import { rootOf } from './root-of.js';
import { findServingPlace } from './serving-place.js';

/**
 * Parses a spec, also one that never passed the CLI, and pins everything in it that floats. Never cached: a nightly run
 * must see what its branch names tonight. A run that goes on from an earlier one keeps what that one pinned of the Hub; all
 * else, the deployment's revision too, is as it is now: somebody asked for it now.
 */
export const createAdmit =
  ({ hub, toolchain, configuration, client, store }: ActivityDependencies) =>
  async (input: SpecInput, given?: Resumption): Promise<AdmittedSpec> => {
    const spec = parseSpec(input, "the workflow's argument");
    const resumption = parseResumption(given);
    const row = checkSpec(spec);
    const { name, release } = row;
    if (toolchain.name !== name || toolchain.release !== release) {
      throw new EnginesmithFailure(
        'ToolchainMismatch',
        `The spec asks for toolchain ${name} ${release}; this worker has ${toolchain.name} ${toolchain.release}. ` +
          'Start a worker with the one that is asked for.',
      );
    }
    const sources = createSpecSourceReader({ hub, store, signal: cancellationSignal() });
    const pins = resumption?.pins ?? [];
    const commits = await resolveCommits(spec, async (source) => pinOf(source, pins) ?? sources.resolveCommit(source));
    const findings = await checkSources(spec, commits, sources);
    for (const { severity, consequence, fix, ...finding } of [...lintSpec(spec), ...findings]) {
      if (severity === 'warning') log.warn(`${consequence}; ${fix}`, finding);
      else log.info(`${consequence}; ${fix}`, finding);
    }
    const pinnedEvaluations = await findPinnedEvaluations(store, spec);
    const start = await findStart(store, spec, row);
    for (const { digest } of [...pinnedEvaluations, ...(start === null ? [] : [start])]) {
      await store.recordRoot(rootOf(spec, { key: null, digest }));
    }
    const admitted = admitSpec({
      spec,
      commits,
      toolchain,
      pinnedEvaluations,
      start,
      ...(await findServingPlace(client, spec, configuration)),
    });
    if (resumption?.from === undefined) return admitted;
    const steps = stepsFrom(planSteps(admitted), resumption.from);
    const id = resumption.remake ?? activityInfo().workflowExecution?.runId ?? 'none';
    return { ...admitted, remake: { id, steps } };
  };

const pinOf = ({ kind, repository, revision }: FloatingSource, pins: Resumption['pins']): string | undefined =>
  pins.find((pin) => pin.kind === kind && pin.repository === repository && pin.revision === revision)?.commit;

/** @throws EnginesmithFailure `InvalidSpec` for a second argument that `enginesmith resume` would not have written */
function parseResumption(given: Resumption | undefined): Resumption | undefined {
  const parsed = resumptionSchema.optional().safeParse(given);
  if (parsed.success) return parsed.data;
  throw new EnginesmithFailure(
    'InvalidSpec',
    `The workflow's second argument says how it goes on from an earlier run, and is wrong: ${z.prettifyError(parsed.error)}`,
  );
}
