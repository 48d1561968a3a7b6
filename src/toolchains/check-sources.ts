import type { PinnedSource } from '../contracts/admitted-spec.js';
import type { Finding } from '../contracts/finding.js';
import type { Spec } from '../contracts/spec.js';
import type { SpecSources } from './admit-spec.js';
import { checkModel } from './check-model.js';
import { parseModelConfig } from './model-config.js';

/** How the sources of a spec are looked at before anything of them is downloaded. */
export interface SourceReader {
  /** The model's config.json, verified. Fails for a repository from which no engine can be made. */
  readModelConfig(source: PinnedSource): Promise<string>;
  /** Fails for a repository without data. */
  requireDataset(source: PinnedSource): Promise<void>;
}

/**
 * Checks that a spec's models and datasets are such as its pipeline can use, and that the spec's numbers fit the models.
 * @param commits of the spec's sources, as `resolveCommits` gives them
 * @returns what works, but may not be meant, and what it needs
 * @throws EnginesmithFailure `UnsupportedModel` or `InvalidSpec`, and what the reader throws
 */
export async function checkSources(
  spec: Spec,
  commits: SpecSources<string>,
  { readModelConfig, requireDataset }: SourceReader,
): Promise<Finding[]> {
  const { model, gate, quantization } = spec;
  const readConfig = async (repository: string, commit: string) =>
    parseModelConfig(await readModelConfig({ repository, commit }), `${repository} at ${commit.slice(0, 12)}`);

  const config = await readConfig(model.repository, commits.model);
  const findings = checkModel(spec, 'candidate', config);
  if (gate.baseline.source !== 'evaluations') {
    const repository = gate.baseline.repository ?? model.repository;
    const isShared = repository === model.repository && commits.baselineModel === commits.model;
    const ofBaseline = isShared ? config : await readConfig(repository, commits.baselineModel);
    findings.push(...checkModel(spec, 'baseline', ofBaseline));
  }

  const calibration = quantization.calibration?.dataset;
  await requireDataset({ repository: gate.dataset.repository, commit: commits.evaluationDataset });
  if (calibration !== undefined && commits.calibrationDataset !== null) {
    await requireDataset({ repository: calibration.repository, commit: commits.calibrationDataset });
  }
  return findings;
}
