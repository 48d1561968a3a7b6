import { attentionRules } from './attention.js';
import { calibrationRules } from './calibration.js';
import { hostRules } from './disk.js';
import { gpuFormatRules, modelFormatRules } from './formats.js';
import { gateRules } from './gate.js';
import { lengthRules, positionRules } from './lengths.js';
import { memoryRules } from './memory.js';
import { identityRules } from './model.js';
import { namingRules } from './naming.js';
import { parallelismRules, sharingRules } from './parallelism.js';
import type { IdentityRule, ModelRule, SpecRule } from './rule.js';
import { servingRules } from './serving.js';
import { convertedRules, lacksFlag, toolchainRules } from './toolchain.js';

/** Rules over the spec alone, in the order in which a person would read them. */
export const specRules: readonly SpecRule[] = [
  ...toolchainRules,
  ...convertedRules,
  ...gpuFormatRules,
  ...calibrationRules,
  ...parallelismRules,
  ...attentionRules,
  ...lengthRules,
  ...servingRules,
  ...gateRules,
  ...namingRules,
];

/** Rules over the model's sizes and what the spec does with them. */
export const modelRules: readonly ModelRule[] = [
  ...sharingRules,
  ...modelFormatRules,
  ...positionRules,
  ...memoryRules,
  ...hostRules,
];

/** Every rule, for the page that lists them. */
export const allRules: readonly (SpecRule | ModelRule | IdentityRule)[] = [
  ...specRules,
  lacksFlag,
  ...identityRules,
  ...modelRules,
];
