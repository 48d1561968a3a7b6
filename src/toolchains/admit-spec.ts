import type { AdmittedSpec, ToolchainIdentity } from '../contracts/admitted-spec.js';
import { type ArtifactReference, isContentRevision } from '../contracts/artifacts.js';
import { canonicalDigest } from '../contracts/canonical-json.js';
import type { PinnedRevision } from '../contracts/resumption.js';
import type { Spec } from '../contracts/spec.js';
import { asksAsTool } from './asks-as-tool.js';
import { planLooks } from './looks.js';
import { calibrates } from './quantization-formats.js';
import { findRelease } from './releases.js';
import { isQuantized } from './side-commands.js';
import { worldSizeOf } from './sides.js';

/** A repository as a spec names it: its revision may be a branch, which moves. */
export interface FloatingSource {
  kind: 'model' | 'dataset';
  repository: string;
  revision: string;
}

/** What a spec reads from the Hub, by the part it plays; null when it does not read it. */
export interface SpecSources<Source> {
  model: Source;
  baselineModel: Source;
  evaluationDataset: Source;
  calibrationDataset: Source | null;
}

/** What the baseline is made of. Evaluations that exist need no model. */
function baselineSource({ repository, revision }: Spec['model'], baseline: Spec['gate']['baseline']): FloatingSource {
  if (baseline.source === 'evaluations') return { kind: 'model', repository, revision };
  const own = baseline.repository === undefined || baseline.repository === repository;
  return {
    kind: 'model',
    repository: baseline.repository ?? repository,
    revision: baseline.revision ?? (own ? revision : 'main'),
  };
}

/** Everything in a spec that floats. */
function specSources({ model, gate, quantization, start }: Spec): SpecSources<FloatingSource> {
  const { calibration } = quantization;
  return {
    model: { kind: 'model', repository: model.repository, revision: model.revision },
    baselineModel: baselineSource(model, gate.baseline),
    evaluationDataset: { kind: 'dataset', repository: gate.dataset.repository, revision: gate.dataset.revision },
    calibrationDataset:
      calibration !== undefined && calibrates(quantization) && start === undefined
        ? { kind: 'dataset', ...calibration.dataset }
        : null,
  };
}

/**
 * The commits of a spec's sources. A source that is named twice is asked for once: a branch that moves in between would
 * give the candidate and its baseline different models.
 * @param resolve the commit, 40 hex digits, that a source names now
 */
export async function resolveCommits(
  spec: Spec,
  resolve: (source: FloatingSource) => Promise<string>,
): Promise<SpecSources<string>> {
  const asked = new Map<string, Promise<string>>();
  const commitOf = (source: FloatingSource): Promise<string> => {
    const name = `${source.kind} ${source.repository} ${source.revision}`;
    const commit = asked.get(name) ?? resolve(source);
    asked.set(name, commit);
    return commit;
  };
  const { model, baselineModel, evaluationDataset, calibrationDataset } = specSources(spec);
  const [modelCommit, baselineCommit, evaluationCommit, calibrationCommit] = await Promise.all([
    commitOf(model),
    commitOf(baselineModel),
    commitOf(evaluationDataset),
    calibrationDataset === null ? null : commitOf(calibrationDataset),
  ]);
  return {
    model: modelCommit,
    baselineModel: baselineCommit,
    evaluationDataset: evaluationCommit,
    calibrationDataset: calibrationCommit,
  };
}

/** What an admission pinned, for one that is to pin the same. */
export function pinnedRevisions(admitted: AdmittedSpec): PinnedRevision[] {
  const sources = specSources(admitted.spec);
  const parts = ['model', 'baselineModel', 'evaluationDataset', 'calibrationDataset'] as const;
  return parts.flatMap((part) => {
    const [source, pin] = [sources[part], admitted[part]];
    // A digest of the store floats no more than a commit does, and whether the store still has it is asked anew.
    if (source === null || pin === null || isContentRevision(source.revision)) return [];
    const { kind, repository, revision } = source;
    return [{ kind, repository, revision, commit: pin.commit }];
  });
}

export interface AdmissionFacts {
  spec: Spec;
  /** Commits of `specSources(spec)`, as `resolveCommits` gives them. */
  commits: SpecSources<string>;
  toolchain: ToolchainIdentity;
  /** What `gate.baseline.evaluations` names. */
  pinnedEvaluations: ArtifactReference[];
  /** What `start` names; null where the spec has none. */
  start: ArtifactReference | null;
  /** Where the deployment runs unless the spec names a host. */
  servingHost: string;
  /** The deployment's revision now; 0 when it has none. */
  expectedRevision: number;
}

/** Pins a checked spec: together with what floated when it came, it says everything that a pipeline will do. */
export function admitSpec({
  spec,
  commits,
  toolchain,
  pinnedEvaluations,
  start,
  servingHost,
  expectedRevision,
}: AdmissionFacts): AdmittedSpec {
  const sources = specSources(spec);
  const { quantization, serving } = spec;
  return {
    spec,
    specDigest: canonicalDigest(spec),
    model: { repository: sources.model.repository, commit: commits.model },
    baselineModel: { repository: sources.baselineModel.repository, commit: commits.baselineModel },
    evaluationDataset: { repository: sources.evaluationDataset.repository, commit: commits.evaluationDataset },
    calibrationDataset:
      sources.calibrationDataset === null || commits.calibrationDataset === null
        ? null
        : { repository: sources.calibrationDataset.repository, commit: commits.calibrationDataset },
    checkpointActivity: isQuantized(quantization) ? 'quantize' : 'convert',
    toolchain: { name: toolchain.name, release: toolchain.release, identity: toolchain.identity },
    looks: planLooks(spec),
    pinnedEvaluations,
    ...(start === null ? {} : { start }),
    comparesEngines: findRelease(spec.toolchain).comparesEngines && spec.gate.baseline.source !== 'evaluations',
    ...(spec.gate.baseline.source === 'huggingface' && findRelease(spec.toolchain).modelNeedsEngine
      ? { baselineReadsEngine: true }
      : {}),
    ...(asksAsTool(spec) ? {} : { asksServed: false }),
    worldSize: worldSizeOf(spec),
    servingHost: serving.host ?? servingHost,
    expectedRevision,
  };
}
