import { Template } from '@huggingface/jinja';
import { EnginesmithFailure } from '../contracts/failures.js';
import type { Spec } from '../contracts/spec.js';
import { findRelease } from './releases.js';

/** What a tokenizer_config.json says about chats. */
export interface ChatFormat {
  /** Jinja source; null where the model has no template. */
  template: string | null;
  /** `bos_token`, `eos_token` … as the template names them. */
  specialTokens: Record<string, string>;
  /** Whether the tokenizer puts `bos_token` before every text by itself. */
  addsFirstToken: boolean;
}

/** How the texts of an evaluation become what a program is given. */
export interface QuestionRenderer {
  /** Special tokens included: for a tool that adds none. */
  forTool(question: string): string;
  /** Without the first token where the server's tokenizer adds it by itself. */
  forServer(question: string): string;
}

/** What the CPU reference's summarize.py asks; small models copy the wording less when the request comes last. */
const summaryRequest = (article: string): string => `Article:\n${article}\n\nSummary in two to three sentences:`;

/** English text has four characters a token or more; names and numbers make it less. */
const ASCII_PER_TOKEN = 3;

/** What stands around an article: the request for a summary and the marks of a chat. */
const REQUEST_TOKENS = 64;

/**
 * About how many tokens an article and its request are, on the safe side: the server refuses what is longer than its engine
 * takes, where a tool cuts it. Bytes of other characters may be a token each.
 */
export function tokensAtMost(article: string): number {
  const bytes = Buffer.from(article);
  const ascii = bytes.filter((byte) => byte < 0x80).length;
  return Math.ceil(ascii / ASCII_PER_TOKEN) + (bytes.length - ascii) + REQUEST_TOKENS;
}

/** As summarize.py prepares an article (v0.9 to v0.13). */
const cleanArticle = (article: string): string => article.trim().replaceAll(" n't", "n't");

/**
 * Builds the questions of an evaluation as its tool does: articles as the release's summarize.py asks for a summary, prompts
 * through the model's chat template, or as they are where it has none.
 */
export function questionRenderer(
  { gate, toolchain }: Pick<Spec, 'gate' | 'toolchain'>,
  chat: ChatFormat,
): QuestionRenderer {
  const asChat = (content: string): string => renderChat(chat, content);
  const forTool = ((): ((question: string) => string) => {
    if (gate.dataset.kind === 'prompts') return chat.template === null ? (prompt) => prompt : asChat;
    if (chat.template === null || findRelease(toolchain).summaryRequest === 'completion')
      return (article) => `${cleanArticle(article)} TL;DR:`;
    return (article) => asChat(summaryRequest(cleanArticle(article)));
  })();
  const first = chat.specialTokens.bos_token;
  return {
    forTool,
    forServer(question) {
      const text = forTool(question);
      return chat.addsFirstToken && first !== undefined && text.startsWith(first) ? text.slice(first.length) : text;
    },
  };
}

/** @throws EnginesmithFailure `UnsupportedModel` when the template does not render */
function renderChat({ template, specialTokens }: ChatFormat, content: string): string {
  try {
    return new Template(template ?? '').render({
      messages: [{ role: 'user', content }],
      add_generation_prompt: true,
      ...specialTokens,
    });
  } catch (cause) {
    throw new EnginesmithFailure('UnsupportedModel', `the model's chat template does not render: ${cause}`, { cause });
  }
}
