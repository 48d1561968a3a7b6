/** A spec before it is written: what it says, and what the reader of the file is told about it. */
export interface SpecDraft {
  kind: 'deployment' | 'vision-language' | 'benchmark';
  /** Lines at the head of the file. */
  heading: readonly string[];
  value: SpecValue & { name: string };
  comments: readonly SpecComment[];
  /** Lines by the field that comes from them, as in `build.maxBatchSize`. */
  origins: ReadonlyMap<string, number>;
  /** Line of the command that it comes from. */
  line: number;
}

export interface SpecComment {
  /** Keys down to the field, which must be in the value. */
  path: readonly string[];
  text: string;
}

type SpecScalar = string | number | boolean;
export interface SpecValue {
  [key: string]: SpecScalar | SpecValue | readonly (SpecScalar | SpecValue)[];
}

/** Entries that are there: what is undefined is the spec's default. */
export const given = (
  entries: Record<string, SpecScalar | SpecValue | readonly (SpecScalar | SpecValue)[] | undefined>,
): SpecValue =>
  Object.fromEntries(Object.entries(entries).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])));

/** `given`, or undefined where nothing is. */
export function givenOrNone(entries: Parameters<typeof given>[0]): SpecValue | undefined {
  const found = given(entries);
  return Object.keys(found).length === 0 ? undefined : found;
}
