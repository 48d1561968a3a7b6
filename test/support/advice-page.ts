import {
  batchRules,
  type ChoiceRule,
  formatRules,
  kvCacheRules,
  parallelismRules,
} from '../../src/toolchains/advise/choice-rules.js';
import { knownGpus } from '../../src/toolchains/gpus.js';

const table = (rules: readonly ChoiceRule<string | number>[]): string =>
  [
    '| tried | when | value | why | source |',
    '| --- | --- | --- | --- | --- |',
    ...rules.map(
      ({ rule, when, value, because, source }) => `| \`${rule}\` | ${when} | \`${value}\` | ${because} | ${source} |`,
    ),
  ].join('\n');

const gpus = [
  '| GPU | class | memory |',
  '| --- | --- | --: |',
  ...knownGpus.map((gpu) => `| ${gpu.name} | ${gpu.class} | ${gpu.memoryGb} GB |`),
].join('\n');

/** docs/advise.md. */
export const advicePage = (): string =>
  `${[
    '# How advise chooses',
    '<!-- Made from src/toolchains/advise/choice-rules.ts by `npx vitest run --project unit test/toolchains/advise/page.test.ts -u`. -->',
    `\`enginesmith advise MODEL --gpu GPU\` reads a model's config.json and proposes a spec. It walks the formats below in
order, for each format the batches, the KV caches and the parallelisms that divide the model. The first combination is taken that lint has neither an error nor a warning for ([lint.md](lint.md)), whose batch of longest requests fits the memory of
the GPUs, and whose unquantized model fits the GPUs that calibrate it. The spec says which rule made each choice.

Where nothing fits, it says how many GPUs, which batch or which lengths would do, and exits 2. All numbers are estimates from the
sizes in config.json: good to compare, no promise.`,
    '## Formats',
    table(formatRules),
    '## KV caches',
    table(kvCacheRules),
    '## Batches, where none is asked for',
    `${table(batchRules)}\n\nA batch that does not fit is halved, down to an eighth, before the next format is tried; one that was asked for is kept.`,
    '## Parallelisms',
    `${table(parallelismRules)}\n\nPipeline stages come where tensor ranks alone will not do. AWQ takes the largest block that divides every weight of a rank.`,
    '## GPUs that are known',
    `${gpus}\n\nOf a class alone, the smallest one is assumed.`,
  ].join('\n\n')}\n`;
