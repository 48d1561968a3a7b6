import { describe, expect, test } from 'vitest';
import { renderArgv } from '../../src/toolchains/command.js';
import { contracts } from '../../src/toolchains/contracts/contracts.js';
import { ensembleModels, placeholdersOf } from '../../src/toolchains/contracts/templates.js';
import { findRelease, releases } from '../../src/toolchains/releases.js';
import { fillTemplateCommands, templateValues, unfillable } from '../../src/toolchains/serving-templates.js';
import { testSpec } from '../support/specs.js';
import { templateTexts } from '../support/template-repository.js';

const limits = { maxBatchSize: 4, maxInputTokens: 1024, maxOutputTokens: 256 };
const toolchains = releases.filter(({ name }) => name.startsWith('trtllm-'));

test('there is a toolchain of every release', () => {
  expect(toolchains.map(({ release }) => release)).toEqual(Object.keys(contracts));
});

describe.each(toolchains)('the templates of $release', (toolchain) => {
  const { release } = toolchain;

  test('have the placeholders that the table says, and the table marks those outside of quotes', () => {
    for (const [model, text] of templateTexts(release)) {
      const names = (pattern: RegExp): string[] =>
        [...new Set([...text.matchAll(pattern)].map(([, name = '']) => name))].sort();
      const placeholders = [...placeholdersOf(release, model)];
      expect([model, placeholders.map(([name]) => name).sort()]).toEqual([model, names(/\$\{(\w+)\}/g)]);
      const required = placeholders.flatMap(([name, { isRequired }]) => (isRequired ? [name] : []));
      expect(required).toEqual(expect.arrayContaining(names(/(?<!")\$\{(\w+)\}/g)));
    }
  });

  test('get all that they need and nothing that they lack', () => {
    const values = templateValues(testSpec(), limits, toolchain);
    for (const model of ensembleModels) {
      const placeholders = placeholdersOf(release, model);
      const required = [...placeholders].flatMap(([name, { isRequired }]) => (isRequired ? [name] : []));
      const filled = Object.keys(values[model]);
      expect(filled).toEqual(expect.arrayContaining(required));
      expect(filled.filter((key) => !placeholders.has(key))).toEqual([]);
    }
  });

  test('have their golden command lines', () => {
    const commands = fillTemplateCommands(templateValues(testSpec(), limits, toolchain));
    expect(commands.map((command) => renderArgv(command).slice(-2).join(' '))).toMatchSnapshot();
  });
});

describe('templateValues', () => {
  const modelValues = (serving: Parameters<typeof testSpec>[0]) =>
    templateValues(testSpec(serving), limits, findRelease('trtllm-0.10')).tensorrt_llm;

  test('says what the spec asks of the KV cache and the scheduler', () => {
    const values = modelValues((input) => {
      input.serving = {
        kvCacheReuse: true,
        chunkedContext: true,
        maxTokensInKvCache: 4096,
        maxAttentionWindowTokens: 512,
        schedulerPolicy: 'guaranteed_no_evict',
      };
    });
    expect(values).toMatchObject({
      enable_kv_cache_reuse: 'True',
      enable_chunked_context: 'True',
      max_tokens_in_paged_kv_cache: '4096',
      max_attention_window_size: '512',
      batch_scheduler_policy: 'guaranteed_no_evict',
    });
  });

  test('leaves to the release what the spec leaves open, but for the window: the whole sequence of the engine', () => {
    const values = modelValues(() => {});
    expect(values).toMatchObject({ enable_kv_cache_reuse: 'False', max_attention_window_size: '1280' });
    const open = ['enable_chunked_context', 'max_tokens_in_paged_kv_cache', 'batch_scheduler_policy'];
    expect(Object.keys(values).filter((key) => open.includes(key))).toEqual([]);
  });

  test('sends no backend to v0.9.0, which has the C++ one, and refuses another there', () => {
    const toolchain = findRelease('trtllm-0.9');
    expect(templateValues(testSpec(), limits, toolchain).tensorrt_llm).not.toHaveProperty('triton_backend');
    expect(() => templateValues(testSpec(), limits, { ...toolchain, tritonBackend: 'python' })).toThrow(
      [
        'The spec "test" cannot be served by toolchain trtllm-0.9:',
        '  toolchain: tensorrt_llm/config.pbtxt of v0.9.0 has no triton_backend that could be python; ' +
          'use a release that has one: v0.10.0, v0.11.0, v0.12.0, v0.13.0',
      ].join('\n'),
    );
  });

  test('refuses a value that fill_template.py would split, naming its field', () => {
    const { serving, ...spec } = testSpec();
    const schedulerPolicy = 'max_utilization,decoupled_mode:False' as 'max_utilization';
    expect(() =>
      templateValues({ ...spec, serving: { ...serving, schedulerPolicy } }, limits, findRelease('trtllm-0.10')),
    ).toThrow(
      '  serving.schedulerPolicy: "max_utilization,decoupled_mode:False" for batch_scheduler_policy of ' +
        'tensorrt_llm/config.pbtxt holds ",", which fill_template.py cannot take',
    );
  });
});

describe('unfillable', () => {
  test.each([
    ['', 'is empty'],
    ['s3://bucket/engine', 'holds ":", which fill_template.py cannot take'],
    ['/srv/a,b', 'holds ",", which fill_template.py cannot take'],
    ['/srv/"a"', 'holds "\\"", which config.pbtxt cannot take'],
    ['/srv/a\\b', 'holds "\\\\", which config.pbtxt cannot take'],
    ['/srv/a\nb', 'holds "\\n", which config.pbtxt cannot take'],
  ])('%j %s', (value, reason) => {
    expect(unfillable(value)).toBe(reason);
  });

  test.each(['/srv/模型', '/srv/a b=c', '$HOME', '{engine}', '0.5'])('%j can be filled in', (value) => {
    expect(unfillable(value)).toBeNull();
  });
});
