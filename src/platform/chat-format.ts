import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { EnginesmithFailure } from '../contracts/failures.js';
import { parseJson } from './parse-json.js';

/** A special token is a text, or an object that holds one. */
const specialToken = z.union([z.string(), z.object({ content: z.string() }).transform(({ content }) => content)]);

/** A template is a text, or a list of named ones of which `default` is for chats. */
const chatTemplate = z.union([
  z.string(),
  z
    .array(z.object({ name: z.string(), template: z.string() }))
    .transform((named) => named.find(({ name }) => name === 'default')?.template ?? null),
]);

const tokenizerConfig = z
  .object({ chat_template: chatTemplate.nullish(), add_bos_token: z.boolean().nullish() })
  .loose();

/**
 * Reads how a model is chatted with from its tokenizer_config.json, or from chat_template.jinja beside it where newer
 * repositories keep the template.
 * @throws EnginesmithFailure `UnsupportedModel` when the file is there but not as Hugging Face writes it
 */
export async function readChatFormat(
  modelDirectory: string,
): Promise<{ template: string | null; specialTokens: Record<string, string>; addsFirstToken: boolean }> {
  const text = (name: string): Promise<string | null> => readFile(join(modelDirectory, name), 'utf8').catch(() => null);
  const [config, template, tokenizer] = await Promise.all([
    text('tokenizer_config.json'),
    text('chat_template.jinja'),
    text('tokenizer.json'),
  ]);
  const parsed = tokenizerConfig.safeParse(parseJson(config ?? '{}'));
  if (!parsed.success) {
    throw new EnginesmithFailure('UnsupportedModel', `tokenizer_config.json: ${parsed.error.message}`, {
      context: { file: 'tokenizer_config.json' },
    });
  }
  const tokens = Object.entries(parsed.data).flatMap(([name, value]) => {
    const token = name.endsWith('_token') ? specialToken.safeParse(value) : undefined;
    return token?.success ? [[name, token.data] as const] : [];
  });
  return {
    template: template ?? parsed.data.chat_template ?? null,
    specialTokens: Object.fromEntries(tokens),
    addsFirstToken: parsed.data.add_bos_token ?? beginsWithSpecialToken(parseJson(tokenizer ?? '')),
  };
}

const processor = z.object({
  single: z.array(z.record(z.string(), z.unknown())).optional(),
  processors: z.array(z.unknown()).optional(),
});
const tokenizerFile = z.object({ post_processor: z.unknown() });

/** Whether tokenizer.json puts a special token before each text: Llama 3 says so there, and nowhere else. */
function beginsWithSpecialToken(tokenizer: unknown): boolean {
  const parsed = tokenizerFile.safeParse(tokenizer);
  return parsed.success && processorBegins(parsed.data.post_processor);
}

function processorBegins(value: unknown): boolean {
  const parsed = processor.safeParse(value);
  if (!parsed.success) return false;
  const { single, processors } = parsed.data;
  return single?.[0]?.SpecialToken !== undefined || (processors ?? []).some(processorBegins);
}
