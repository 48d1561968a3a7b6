import type { Finding } from '../contracts/finding.js';
import type { Spec } from '../contracts/spec.js';
import { specFailure } from '../contracts/spec-problems.js';
import { problemOf } from './check-spec.js';
import { isError, lintModel } from './lint/lint.js';
import type { ModelConfig } from './model-config.js';
import type { Side } from './sides.js';

/**
 * Checks that a toolchain can do with a model what the spec asks of one side. Pure: its config.json says enough, so nothing
 * has to be downloaded, calibrated or converted to find out.
 * @returns what works, but may not be meant, and what it needs
 * @throws EnginesmithFailure `UnsupportedModel` when another spec would not help either, else `InvalidSpec`; each problem with
 *   the nearest legal choice
 */
export function checkModel(spec: Spec, side: Side, config: ModelConfig): Finding[] {
  const { identity, fit } = lintModel(spec, side, config);
  const errors = [...identity, ...fit].filter(isError);
  if (errors.length === 0) return fit;
  const { repository } = spec.model;
  throw specFailure(
    identity.length > 0 ? 'UnsupportedModel' : 'InvalidSpec',
    `The spec "${spec.name}" does not fit the model ${repository}:`,
    errors.map(problemOf),
    { context: { name: spec.name, repository }, findings: [...identity, ...fit] },
  );
}
