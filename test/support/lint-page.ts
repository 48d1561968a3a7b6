import type { RuleDescription } from '../../src/toolchains/lint/rule.js';
import { allRules } from '../../src/toolchains/lint/rules.js';

type Rule = RuleDescription & { stage: 'spec' | 'model' };

const headings: Record<Rule['stage'], string> = {
  spec: 'Stage `spec`: the spec alone',
  model: "Stage `model`: with the model's config.json",
};

const ruleText = ({ code, severity, field, title, why, fix, source }: Rule): string =>
  [
    `#### \`${code}\``,
    '',
    `**${severity}** on \`${field}\`: ${title}.`,
    '',
    `- Why: ${why}`,
    `- Fix: ${fix}.`,
    `- Source: ${source}.`,
  ].join('\n');

const stageText = (stage: Rule['stage']): string =>
  [`### ${headings[stage]}`, ...allRules.filter((rule) => rule.stage === stage).map(ruleText)].join('\n\n');

const introduction = `# What lint finds

<!-- Made from the rules in src/toolchains/lint/ by \`npx vitest run --project unit test/toolchains/lint/page.test.ts -u\`. -->

\`enginesmith validate SPEC\` prints every finding: its severity, the field, the rule's code, what comes of it and what to do.
\`--json\` has them as \`findings\`.

- An **error** refuses the spec: exit code 2, also of \`plan\` and \`run\`, and \`InvalidSpec\` or \`UnsupportedModel\` at admission.
- A **warning** says that something is likely not meant. \`validate\` and \`run\` print it, and workers log it.
- A **note** informs; it is printed by \`validate\` alone.

Rules run in three stages. Those of stage \`spec\` need nothing but the spec. Those of stage \`model\` need the model's config.json:
\`validate --resolve\` asks the Hub for it, \`validate --model-config FILE\` reads one of this machine, \`run\` and the worker that
admits a pipeline always ask. The third stage is stage \`model\` once more, on the config.json that was downloaded, before a GPU
is leased for the checkpoint: that is the one which counts.

Numbers of memory and disk are estimates from the sizes in config.json, the formats and the engine's limits; each says so.
A GPU class says nothing of memory, so only what no known GPU of the class can do is an error.

Some mistakes have no rule, because a spec cannot make them: \`triton_max_batch_size\` and the world size of every launch are read
from the engine, the served model is always decoupled and its clients stream, and scratch directories belong to one attempt.`;

/** docs/lint.md. */
export const lintPage = (): string => `${[introduction, stageText('spec'), stageText('model')].join('\n\n')}\n`;
