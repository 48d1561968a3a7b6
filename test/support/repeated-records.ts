/** Of a record that an attempt leaves with the artifact that it made. */
export interface MadeRecord {
  key: string;
  step: string;
  /** ISO 8601. */
  startedAt: string;
  endedAt: string;
}

/**
 * Steps that made again what was complete, or what somebody else was making. An attempt that was killed between its record and
 * the entry by which the artifact is found had not completed it: the next one makes it, and leaves a record as well.
 * @param completedAt when the artifact of a key could be found first, as its entry says; undefined where it has none
 */
export function repeatedRecords(
  records: readonly MadeRecord[],
  completedAt: (key: string) => string | undefined,
): string[] {
  const inOrder = records.toSorted((left, right) => left.startedAt.localeCompare(right.startedAt));
  return inOrder.flatMap((later, index) => {
    const earlier = inOrder.slice(0, index).filter(({ key }) => key === later.key);
    const isAgain = earlier.length > 0 && later.startedAt > (completedAt(later.key) ?? '');
    const isBeside = earlier.some(({ endedAt }) => later.startedAt < endedAt);
    return isAgain || isBeside ? [later.step] : [];
  });
}
