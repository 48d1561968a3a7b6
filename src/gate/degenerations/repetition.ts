/** Characters of a piece: three or four words of Chinese, one of English. */
const pieceCharacters = 6;
/** A shorter end may repeat itself by chance or for effect ("no, no, no"). */
const fewestCharacters = 24;
/** New pieces over all pieces: 1 / 2.5, so an end that says the same two and a half times. Prose has more than 0.8. */
const mostNewPieces = 0.4;

/**
 * Whether the end of the text, a third of it or more, says the same over and over: read from its end, few of its six-letter
 * pieces are new. Counted in characters, so that it needs no spaces between words, sees loops of any number of words, and
 * does not mind where the last round was cut off.
 */
export function endsInRepetition(text: string): boolean {
  const characters = [...text.toLowerCase().replace(/\s+/g, ' ').trim()];
  const shortestEnd = Math.max(fewestCharacters, Math.ceil(characters.length / 3));
  const seen = new Set<string>();
  for (let start = characters.length - pieceCharacters; start >= 0; start -= 1) {
    seen.add(characters.slice(start, start + pieceCharacters).join(''));
    const pieces = characters.length - pieceCharacters - start + 1;
    if (characters.length - start >= shortestEnd && seen.size <= mostNewPieces * pieces) return true;
  }
  return false;
}
