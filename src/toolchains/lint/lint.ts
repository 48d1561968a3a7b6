import type { Finding } from '../../contracts/finding.js';
import type { Spec } from '../../contracts/spec.js';
import type { ModelConfig } from '../model-config.js';
import { findRelease, type ToolchainRelease } from '../releases.js';
import { type Side, specOfSide } from '../sides.js';
import { identityRules } from './model.js';
import { buildsEngine, findingsOf } from './rule.js';
import { modelRules, specRules } from './rules.js';
import { lacksFlag } from './toolchain.js';

/** Whether a finding refuses the spec. */
export const isError = ({ severity }: Finding): boolean => severity === 'error';

/**
 * Stage `spec`: what a spec alone says of itself.
 * @throws EnginesmithFailure `InvalidSpec` for a toolchain that is not known
 */
export function lintSpec(spec: Spec): Finding[] {
  const release = findRelease(spec.toolchain);
  const findings = specRules.flatMap((rule) => findingsOf(rule, rule.check(spec, release)));
  const refused = new Set(findings.filter(isError).map(({ field }) => field));
  const lacking = findingsOf(lacksFlag, lacksFlag.check(spec, release));
  return [...findings, ...lacking.filter(({ field }) => !refused.has(field))];
}

/** What keeps a toolchain from having any use for a model. */
export const lintIdentity = (
  config: ModelConfig,
  family: Spec['model']['family'],
  release: ToolchainRelease,
  format: Spec['quantization']['format'],
): Finding[] => identityRules.flatMap((rule) => findingsOf(rule, rule.check(config, family, release, format)));

export interface ModelFindings {
  /** Of the model itself: no other number in the spec would help. */
  identity: Finding[];
  /** Of the spec with this model. */
  fit: Finding[];
}

/** Where a baseline that does not fit can be helped: it has nothing of its own but a parallelism. */
const fieldOfBaseline = (field: string): string =>
  field.startsWith('parallelism') ? `gate.baseline.${field}` : 'gate.baseline.parallelism';

/** Stage `model`: what the config.json of one side's model says of the spec. */
export function lintModel(spec: Spec, side: Side, config: ModelConfig): ModelFindings {
  const release = findRelease(spec.toolchain);
  const ownSpec = specOfSide(spec, side);
  const { shape } = config;

  const identity = lintIdentity(config, spec.model.family, release, ownSpec.quantization.format).map((finding) =>
    side === 'candidate' ? finding : { ...finding, field: 'gate.baseline.revision' },
  );
  // Sizes that are missing or contradict each other would only be complained of twice.
  if (shape === null || !Number.isInteger(shape.headSize)) return { identity, fit: [] };
  const facts = { config, shape, spec: ownSpec, release };
  const fit = modelRules
    .filter(({ sides }) => side === 'candidate' || (sides === 'engine' && buildsEngine(spec, side)))
    .flatMap((rule) => {
      const findings = findingsOf(rule, rule.check(facts));
      if (side === 'candidate') return findings;
      const { fixOfBaseline } = rule;
      return findings.map(({ field, fix, ...finding }) => ({
        ...finding,
        field: fieldOfBaseline(field),
        fix: fixOfBaseline ?? fix,
      }));
    });
  return { identity, fit };
}
