import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readChatFormat } from '../../src/platform/chat-format.js';

let model: string;
beforeEach(async () => {
  model = await mkdtemp(join(tmpdir(), 'chat-format-'));
});
afterEach(() => rm(model, { recursive: true }));

const writeConfig = (config: unknown) => writeFile(join(model, 'tokenizer_config.json'), JSON.stringify(config));

test('reads the template and the special tokens, however they are written', async () => {
  await writeConfig({
    chat_template: [
      { name: 'tool_use', template: 'T' },
      { name: 'default', template: 'D' },
    ],
    bos_token: { content: '<s>', lstrip: false },
    eos_token: '</s>',
    unk_token: null,
    add_bos_token: true,
  });
  expect(await readChatFormat(model)).toEqual({
    template: 'D',
    specialTokens: { bos_token: '<s>', eos_token: '</s>' },
    addsFirstToken: true,
  });
});

test('prefers the template file of newer repositories', async () => {
  await writeConfig({ chat_template: 'old' });
  await writeFile(join(model, 'chat_template.jinja'), 'new');
  expect(await readChatFormat(model)).toMatchObject({ template: 'new' });
});

test('knows a model that is not for chats', async () => {
  await writeConfig({});
  expect(await readChatFormat(model)).toEqual({ template: null, specialTokens: {}, addsFirstToken: false });
});

test.each([
  [
    'a template that begins with one',
    { type: 'TemplateProcessing', single: [{ SpecialToken: { id: '<s>' } }, { Sequence: { id: 'A' } }] },
    true,
  ],
  [
    'a sequence of processors, one of which does',
    {
      type: 'Sequence',
      processors: [{ type: 'ByteLevel' }, { type: 'TemplateProcessing', single: [{ SpecialToken: {} }] }],
    },
    true,
  ],
  [
    'a template that begins with the text',
    { type: 'TemplateProcessing', single: [{ Sequence: { id: 'A' } }, { SpecialToken: {} }] },
    false,
  ],
  ['none', null, false],
])('knows from tokenizer.json whether a first token is added: %s', async (_, postProcessor, adds) => {
  await writeConfig({});
  await writeFile(join(model, 'tokenizer.json'), JSON.stringify({ post_processor: postProcessor }));
  expect(await readChatFormat(model)).toMatchObject({ addsFirstToken: adds });
});

test('refuses a file that Hugging Face did not write', async () => {
  await writeFile(join(model, 'tokenizer_config.json'), '{');
  await expect(readChatFormat(model)).rejects.toMatchObject({ type: 'UnsupportedModel' });
});
