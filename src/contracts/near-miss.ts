/** More edits than this, or than a third of the word, make another word. */
const MAXIMUM_EDITS = 3;

/** Longer words are no misspelling of ours. */
const MAXIMUM_LENGTH = 40;

/** Insertions, deletions, substitutions and swaps of neighbours that make one word the other; case does not count. */
function editDistance(left: string, right: string): number {
  const [from, to] = [left.toLowerCase(), right.toLowerCase()];
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= to.length; column += 1) {
      const cost = from[row - 1] === to[column - 1] ? 0 : 1;
      const swapped = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      current[column] = Math.min(
        (previous[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (previous[column - 1] ?? 0) + cost,
        ...(swapped ? [(beforePrevious[column - 2] ?? 0) + 1] : []),
      );
    }
    beforePrevious = previous;
    previous = current;
  }
  return previous[to.length] ?? 0;
}

/** Shorter words begin too many others. */
const MINIMUM_PREFIX_LENGTH = 4;

/** The known word that a misspelt or shortened one most likely means; undefined when none is near. */
export function nearMiss(word: string, known: readonly string[]): string | undefined {
  if (word.length > MAXIMUM_LENGTH) return undefined;
  const limit = Math.min(MAXIMUM_EDITS, Math.max(1, Math.floor(word.length / 3)));
  const [best] = known
    .map((candidate) => ({ candidate, edits: editDistance(word, candidate) }))
    .filter(({ edits }) => edits <= limit)
    .sort((left, right) => left.edits - right.edits);
  if (best !== undefined || word.length < MINIMUM_PREFIX_LENGTH) return best?.candidate;
  return known.find((candidate) => candidate.startsWith(word));
}
