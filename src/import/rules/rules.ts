import { benchmarkRules } from './benchmark-rules.js';
import type { Rule } from './context.js';
import { flagRules } from './flag-rules.js';
import { launchRules } from './launch-rules.js';
import { placeRules } from './place-rules.js';
import { proseRules } from './prose-rules.js';
import { quantizeRules } from './quantize-rules.js';
import { servingRules } from './serving-rules.js';
import { shellRules } from './shell-rules.js';
import { templateRules } from './template-rules.js';
import { unsaidFlagRules } from './unsaid-flags.js';
import { visionRules } from './vision-rules.js';

/** Everything that an import looks for. */
export const rules: readonly Rule[] = [
  ...shellRules,
  ...flagRules,
  ...quantizeRules,
  ...unsaidFlagRules,
  ...placeRules,
  ...servingRules,
  ...templateRules,
  ...launchRules,
  ...visionRules,
  ...benchmarkRules,
  ...proseRules,
];
