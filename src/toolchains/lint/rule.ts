import type { Finding } from '../../contracts/finding.js';
import type { Spec } from '../../contracts/spec.js';
import type { ModelConfig, ModelShape } from '../model-config.js';
import type { ToolchainRelease } from '../releases.js';
import type { Side } from '../sides.js';

/** What a rule found. */
export interface Hit {
  consequence: string;
  /** @default the rule's */
  fix?: string;
  /** @default the rule's */
  field?: string;
}

/** What every rule says of itself; docs/lint.md is made of it. */
export interface RuleDescription extends Pick<Finding, 'code' | 'severity' | 'field'> {
  /** What it looks for. */
  title: string;
  /** What comes of it when nobody looks. */
  why: string;
  /** What to do, where the finding has nothing more exact to say. */
  fix: string;
  /** Where the fact is from. */
  source: string;
}

type Hits = Hit | readonly Hit[] | null;

/** A rule that needs nothing but the spec. */
export interface SpecRule extends RuleDescription {
  stage: 'spec';
  check: (spec: Spec, release: ToolchainRelease) => Hits;
}

/** What a rule of stage `model` is given. */
export interface ModelFacts {
  config: ModelConfig;
  shape: ModelShape;
  /** As the side builds it. */
  spec: Spec;
  release: ToolchainRelease;
}

/** A rule over the model's config.json and what one side of the comparison does with it. */
export interface ModelRule extends RuleDescription {
  stage: 'model';
  /** `engine`: every side that builds an engine. */
  sides: 'candidate' | 'engine';
  /** Where `fix` is of no help to a baseline, which has no format and no lengths of its own. */
  fixOfBaseline?: string;
  check: (facts: ModelFacts) => Hits;
}

/** A rule over the model itself, which no other number in the spec would heal. */
export interface IdentityRule extends RuleDescription {
  stage: 'model';
  check: (
    config: ModelConfig,
    family: Spec['model']['family'],
    release: ToolchainRelease,
    format: Spec['quantization']['format'],
  ) => Hits;
}

/** The findings of one rule. */
export function findingsOf(rule: RuleDescription, hits: Hits): Finding[] {
  const list: readonly Hit[] = hits === null ? [] : 'consequence' in hits ? [hits] : hits;
  return list.map(({ consequence, fix = rule.fix, field = rule.field }) => ({
    code: rule.code,
    severity: rule.severity,
    field,
    consequence,
    fix,
  }));
}

/** Whether a side builds an engine: a baseline may be the Hugging Face model, or evaluations that exist. */
export const buildsEngine = (spec: Spec, side: Side): boolean =>
  side === 'candidate' || spec.gate.baseline.source === 'engine';
