import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { parseAnySpec } from '../../src/contracts/any-spec.js';
import { EnginesmithFailure } from '../../src/contracts/failures.js';
import { checkAnySpec } from '../../src/toolchains/check-any-spec.js';
import { checkModel } from '../../src/toolchains/check-model.js';
import { parseModelConfig } from '../../src/toolchains/model-config.js';
import { releases } from '../../src/toolchains/releases.js';
import { llama2With13b, qwen2With7b, qwen2With72b } from '../support/model-configs.js';
import { example } from './cli-fixture.js';

/** With config.json of the model where a deployment quantizes and builds it. */
const examples = new Map([
  ['llama2-13b-fp16', llama2With13b],
  ['qwen2-7b-fp16-tp4', qwen2With7b],
  ['qwen-vl-chat', null],
  ['llama2-13b-int4-wo', llama2With13b],
  ['qwen2-7b-fp8', qwen2With7b],
  ['qwen2-7b-fp8-hopper', qwen2With7b],
  ['qwen2-72b-fp8-tp2', qwen2With72b],
  ['baichuan2-13b-benchmark', null],
]);
const toolchains = releases.map(({ name }) => name).filter((name) => name.startsWith('trtllm-'));

/** Why a toolchain refuses an example; null where it does not. */
async function refusal(name: string, config: object | null, toolchain: string): Promise<string | null> {
  const value: unknown = parse(await readFile(example(name), 'utf8'));
  try {
    const spec = parseAnySpec({ ...Object(value), toolchain }, name);
    checkAnySpec(spec);
    if (spec.kind !== 'deployment' || config === null) return null;
    const model = parseModelConfig(JSON.stringify(config), spec.model.repository);
    for (const side of ['candidate', 'baseline'] as const) checkModel(spec, side, model);
    return null;
  } catch (failure) {
    if (!(failure instanceof EnginesmithFailure)) throw failure;
    return (
      failure.message
        .split('\n')
        .slice(1)
        .map((line) => line.trim())[0] ?? failure.message
    );
  }
}

test('docs/releases.md says which release does which example, and why not', async () => {
  const reasons: string[] = [];
  const rows = await Promise.all(
    [...examples].map(async ([name, config]) => {
      const cells = await Promise.all(toolchains.map((toolchain) => refusal(name, config, toolchain)));
      return [
        `[${name}](../examples/${name}.yaml)`,
        ...cells.map((reason) => {
          if (reason === null) return 'yes';
          if (!reasons.includes(reason)) reasons.push(reason);
          return `no: ${reasons.indexOf(reason) + 1}`;
        }),
      ];
    }),
  );
  const table = [['example', ...toolchains], ['---', ...toolchains.map(() => '---')], ...rows];
  const lines = table.map((cells) => `| ${cells.join(' | ')} |`);
  const page = `# Releases of TensorRT-LLM

A spec names its toolchain; \`npx enginesmith plan --toolchain trtllm-0.12 --commands SPEC\` shows the command lines that another
release would get. What each release's programs take is in [src/toolchains/contracts/](../src/toolchains/contracts), read out of
the programs at the release's tag: one file a release, with what it changed of the one before. A flag that was renamed is
spelled as the release does; one that became the default is left out; one that is gone is refused, with the field, the
releases that have it and what to do.

Which release takes which pipeline of the application notes, deployments with the config.json of their model:

${lines.join('\n')}

${reasons.map((reason, index) => `${index + 1}. \`${reason}\``).join('\n')}

A new release is a file of changes, a row in [releases.ts](../src/toolchains/releases.ts) and golden command lines
(\`test/toolchains/golden/\`). Ten thousand specs made from the JSON Schema are rendered for every release and read by its
programs' own rules in \`test/toolchains/releases.test.ts\`. None of these releases has been run by Enginesmith on a GPU yet.
`;
  await expect(page).toMatchFileSnapshot('../../docs/releases.md');
});
