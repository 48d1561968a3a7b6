import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { z } from 'zod';
import type { Spec, SpecInput } from '../../src/contracts/spec.js';
import { asksAsTool } from '../../src/toolchains/asks-as-tool.js';
import { type ChatFormat, questionRenderer, tokensAtMost } from '../../src/toolchains/evaluation-prompts.js';
import { testAdmission, testSpec } from '../support/specs.js';

/** Made by the CPU toolchain's own code: see regenerate.py beside it. */
const golden = z
  .object({
    chat: z.object({ template: z.string(), specialTokens: z.record(z.string(), z.string()) }),
    cases: z.array(z.object({ article: z.string(), text: z.string() })),
  })
  .parse(JSON.parse(readFileSync(new URL('../fixtures/prompts/rendered.json', import.meta.url), 'utf8')));

const chat: ChatFormat = { ...golden.chat, addsFirstToken: false };
const prompts = (kind: 'articles' | 'prompts', toolchain?: Spec['toolchain']): Spec =>
  testSpec((input) => {
    Object.assign(input.gate, { dataset: { repository: 'a/b', kind } });
    if (toolchain) Object.assign(input, { toolchain });
  });

test('asks for a summary in the very words of the CPU reference’s summarize.py', () => {
  const { forTool } = questionRenderer(prompts('articles'), chat);
  expect(golden.cases.map(({ article }) => forTool(article))).toEqual(golden.cases.map(({ text }) => text));
});

test('asks TensorRT-LLM’s way where its summarize.py completes', () => {
  const spec = prompts('articles', 'trtllm-0.10');
  expect(questionRenderer(spec, chat).forTool(" It did n't. ")).toBe("It didn't. TL;DR:");
});

test('puts a prompt of the user into the chat as it is', () => {
  const text = questionRenderer(prompts('prompts'), chat).forTool('Say {{ hello }}\n');
  expect(text).toMatch(/<\|im_start\|>user\nSay \{\{ hello \}\}\n<\|im_end\|>\n<\|im_start\|>assistant\n$/);
});

test('leaves a prompt alone where the model has no chat template', () => {
  const { forTool } = questionRenderer(prompts('prompts'), { ...chat, template: null });
  expect(forTool('Once upon a time')).toBe('Once upon a time');
});

test('leaves the first token to a server that adds it', () => {
  const llama: ChatFormat = {
    template: "{{ bos_token }}[INST] {{ messages[0]['content'] }} [/INST]",
    specialTokens: { bos_token: '<s>' },
    addsFirstToken: true,
  };
  const { forTool, forServer } = questionRenderer(prompts('prompts'), llama);
  expect([forTool('Hi'), forServer('Hi')]).toEqual(['<s>[INST] Hi [/INST]', '[INST] Hi [/INST]']);
  const { forServer: untouched } = questionRenderer(prompts('prompts'), { ...llama, addsFirstToken: false });
  expect(untouched('Hi')).toBe('<s>[INST] Hi [/INST]');
});

test('says so when a template does not render', () => {
  const broken: ChatFormat = { ...chat, template: "{{ raise_exception('no user') }}" };
  expect(() => questionRenderer(prompts('prompts'), broken).forTool('Hi')).toThrow(
    expect.objectContaining({ type: 'UnsupportedModel' }),
  );
});

test.each<[string, boolean, (input: SpecInput) => void]>([
  ['articles to a model of Qwen', false, () => {}],
  ['prompts to a model of Qwen', true, ({ gate }) => Object.assign(gate.dataset, { kind: 'prompts' })],
  ['articles to a model of family llama', true, ({ model }) => Object.assign(model, { family: 'llama' })],
  ['articles by the CPU reference', true, (input) => Object.assign(input, { toolchain: 'reference-cpu' })],
])('of %s, it is %s that Triton is asked in the words of the release', (_, expected, change) => {
  const spec = testSpec((input) => {
    Object.assign(input, { toolchain: 'trtllm-0.10', model: { repository: 'Qwen/Qwen2-7B-Instruct', family: 'qwen' } });
    input.gate.dataset = { repository: 'a/b', kind: 'articles' };
    change(input);
  });
  expect(asksAsTool(spec)).toBe(expected);
  // What the workflow goes by; the others are admitted as they were.
  expect(testAdmission(spec).asksServed).toBe(expected ? undefined : false);
});

test('counts the tokens of an article on the safe side: ASCII in threes, each other byte by itself', () => {
  expect(tokensAtMost('')).toBe(64);
  expect(tokensAtMost('abcd')).toBe(64 + 2);
  expect(tokensAtMost('猎豹 é')).toBe(64 + 6 + 1 + 2);
  // the demo's articles have up to 1,300 bytes, and 512 tokens of room
  expect(tokensAtMost('The council met on Tuesday. '.repeat(45))).toBeLessThanOrEqual(512);
});
