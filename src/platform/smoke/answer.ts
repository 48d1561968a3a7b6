import type { GeneratedChunk } from '../triton/infer-stream.js';

/** A prompt for `ensemble` or `tensorrt_llm_bls`. */
export interface Question {
  model: string;
  prompt: string;
  maxTokens: number;
  /** The end token is not chosen before so many: an answer that ends at once proves nothing. */
  minTokens?: number;
  stream: boolean;
}

export type TextChunk = GeneratedChunk & { text: string };

/** All that a model responded to a question, up to its final flag. */
export interface Answer {
  /** Responses that carry text, without the final, empty one. */
  chunks: TextChunk[];
  /** From the request to the final flag. */
  totalMs: number;
}

export const hasText = (chunk: GeneratedChunk): chunk is TextChunk => chunk.text !== undefined;

/** The text of an answer whose responses each carry what is new. */
export const joinedText = ({ chunks }: Answer): string => chunks.map(({ text }) => text).join('');

/** Stands for bytes that are no UTF-8: the first bytes of a character whose rest comes later, or never. */
const SPLIT = '\uFFFD';

/** Tokens that hold several characters of several bytes, in any vocabulary. */
const UNICODE_TOKENS = 16;

/** What is asked in characters of several bytes; its end token is held back, as an answer that ends at once shows none. */
export function unicodeQuestion(
  prompt: string,
  maxTokens: number,
): Pick<Question, 'prompt' | 'maxTokens' | 'minTokens'> {
  const tokens = Math.min(UNICODE_TOKENS, maxTokens);
  return { prompt, maxTokens: tokens, minTokens: tokens };
}

/** Whether some character's bytes came apart, be it at the end. */
export const hasSplit = (text: string): boolean => text.includes(SPLIT);

/** Without a character that is still incomplete at the end. */
export const wholeCharacters = (text: string): string => text.replace(/\uFFFD+$/, '');

/** Whether a part of a character stands before other text: at the very end it may only be incomplete. */
export const holdsSplitCharacter = (text: string): boolean => hasSplit(wholeCharacters(text));

/** Whether each response of a stream holds the whole text so far: what an accumulating BLS sends. */
export function accumulates({ chunks }: Answer): boolean {
  const grows = (chunks.at(-1)?.text.length ?? 0) > (chunks[0]?.text.length ?? 0);
  return grows && chunks.every(({ text }, index) => text.startsWith(wholeCharacters(chunks[index - 1]?.text ?? '')));
}

/** The whole text of a stream of either kind. */
export const streamedText = (answer: Answer): string =>
  accumulates(answer) ? (answer.chunks.at(-1)?.text ?? '') : joinedText(answer);

/**
 * Whether a stream that decodes each token by itself lost nothing but what that loses: characters of several tokens, which
 * show as U+FFFD, and the spaces that SentencePiece keeps at the start of a word.
 */
export function sameUpToSplits(streamed: string, whole: string): boolean {
  const compact = (text: string): string => text.replace(/\s+/g, '');
  const pieces = compact(streamed).split(/\uFFFD+/);
  const text = wholeCharacters(compact(whole));
  if (pieces.length === 1) return pieces[0] === text;
  let position = 0;
  for (const [index, piece] of pieces.entries()) {
    const found = index === 0 ? (text.startsWith(piece) ? 0 : -1) : text.indexOf(piece, position);
    if (found === -1) return false;
    position = found + piece.length;
  }
  const last = pieces.at(-1) ?? '';
  return last === '' || text.endsWith(last);
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  return ((sorted[Math.floor((sorted.length - 1) / 2)] ?? 0) + (sorted[Math.ceil((sorted.length - 1) / 2)] ?? 0)) / 2;
}

/** Times between a stream's responses with text. */
export function gapsMs(chunks: readonly TextChunk[]): { p50: number; max: number } {
  const gaps = chunks.slice(1).map((chunk, index) => chunk.elapsedMs - (chunks[index]?.elapsedMs ?? 0));
  return { p50: median(gaps), max: Math.max(0, ...gaps) };
}

/** How long a token takes, where each response carries one: reading several late changes it little. */
export function meanGapMs(chunks: readonly TextChunk[]): number {
  const [first, last] = [chunks[0]?.elapsedMs ?? 0, chunks.at(-1)?.elapsedMs ?? 0];
  return (last - first) / Math.max(1, chunks.length - 1);
}
