import { stem } from '../porter-stemmer.js';

/** A piece of a text. */
export interface Passage {
  text: string;
  /** Whether it is made of words that the reference has too. */
  shared: boolean;
}

const words = /([a-z0-9]+)/i;

/** A word as the gate's ROUGE compares it. */
const comparable = (word: string): string => {
  const lower = word.toLowerCase();
  return lower.length > 3 ? stem(lower) : lower;
};

/** Splits a text into what it shares with the reference, word by word, and the rest. Joined, the pieces are the text. */
export function sharedWords(text: string, reference: string): Passage[] {
  const known = new Set(reference.split(words).filter(isWord).map(comparable));
  const passages: Passage[] = [];
  const append = (piece: Passage): void => {
    const last = passages.at(-1);
    if (last?.shared === piece.shared) last.text += piece.text;
    else if (piece.text !== '') passages.push(piece);
  };
  const pieces = text.split(words);
  pieces.forEach((piece, index) => {
    const isShared = (word: string | undefined): boolean => word !== undefined && known.has(comparable(word));
    // What stands between two shared words belongs to them: fewer, longer marks are easier to read.
    const shared = index % 2 === 1 ? isShared(piece) : isShared(pieces[index - 1]) && isShared(pieces[index + 1]);
    append({ text: piece, shared });
  });
  return passages;
}

/** Splitting by a group puts what it matched at the odd places. */
const isWord = (_: string, index: number): boolean => index % 2 === 1;
