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
  const readConfig = async (commit: string) =>
    parseModelConfig(
      await readModelConfig({ repository: model.repository, commit }),
      `${model.repository} at ${commit.slice(0, 12)}`,
    );

  const config = await readConfig(commits.model);
  const findings = checkModel(spec, 'candidate', config);
  if (gate.baseline.source !== 'evaluations') {
    const isShared = commits.baselineModel === commits.model;
    findings.push(...checkModel(spec, 'baseline', isShared ? config : await readConfig(commits.baselineModel)));
  }

  const calibration = quantization.calibration?.dataset;
  await requireDataset({ repository: gate.dataset.repository, commit: commits.evaluationDataset });
  if (calibration !== undefined && commits.calibrationDataset !== null) {
    await requireDataset({ repository: calibration.repository, commit: commits.calibrationDataset });
  }
  return findings;
}
