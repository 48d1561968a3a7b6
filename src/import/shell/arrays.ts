import type { DoubleQuotedChild, ParameterExpansionPart, Word, WordPart } from 'unbash';
import type { Variables } from './words.js';

/** Before each element: arrays live among the other variables, where branches and subshells treat them like those. */
const SEPARATOR = '\u0000';

const keyOf = (name: string): string => `${name}[@]`;

/** Sets an array; null where an element of it is not known. */
export function setArray(name: string, elements: readonly string[] | null, variables: Variables): void {
  variables.set(keyOf(name), elements === null ? null : elements.map((element) => `${SEPARATOR}${element}`).join(''));
}

/** Elements of an array; null where they are not known, undefined where there is no such array. */
export function arrayOf(name: string, variables: Variables): string[] | null | undefined {
  const text = variables.get(keyOf(name));
  return typeof text === 'string' ? text.split(SEPARATOR).slice(1) : text;
}

/** The name of the array whose elements a part stands for, `@` for the arguments; null where it is something else. */
export function arrayNamed(part: WordPart | DoubleQuotedChild): { name: string; isOneWord: boolean } | null {
  if (part.type === 'SimpleExpansion' && (part.text === '$@' || part.text === '$*')) {
    return { name: '@', isOneWord: part.text === '$*' };
  }
  if (part.type !== 'ParameterExpansion' || part.prefix !== undefined || part.operation !== undefined) return null;
  return named(part);
}

function named({ parameter, index }: ParameterExpansionPart): { name: string; isOneWord: boolean } | null {
  if (index === undefined) {
    return parameter === '@' || parameter === '*' ? { name: '@', isOneWord: parameter === '*' } : null;
  }
  return index.text === '@' || index.text === '*' ? { name: parameter, isOneWord: index.text === '*' } : null;
}

/** The elements that a whole word stands for, as in `"${FLAGS[@]}"`; null where it is no such word, or they are not known. */
export function elementsOf({ parts }: Word, variables: Variables): readonly string[] | null {
  const [part, ...others] = parts ?? [];
  if (part === undefined || others.length > 0) return null;
  const isQuoted = part.type === 'DoubleQuoted';
  const inner = isQuoted ? (part.parts.length === 1 ? part.parts[0] : undefined) : part;
  const array = inner === undefined ? null : arrayNamed(inner);
  if (array === null) return null;
  const elements = arrayOf(array.name, variables);
  if (elements === null || elements === undefined) return null;
  if (!isQuoted) return elements.flatMap((element) => element.split(/\s+/).filter((text) => text !== ''));
  return array.isOneWord ? [elements.join(' ')] : elements;
}
