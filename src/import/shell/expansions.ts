import type { ParameterOperation, Word } from 'unbash';

/** Nobody counts further in a script that builds engines. */
const MAXIMUM_NUMBERS = 64;

function range(from: number, to: number, step: number): string[] | null {
  const count = Math.floor(Math.abs(to - from) / step) + 1;
  if (step < 1 || !(count <= MAXIMUM_NUMBERS)) return null;
  return Array.from({ length: count }, (_, index) => `${from + (to < from ? -1 : 1) * step * index}`);
}

/** What `seq` prints; null where the text is no plain call of it, or it counts too far. */
export function sequenceOf(text: string): string | null {
  const [, ...numbers] = /^(?:\$\(|`)\s*seq\s+(\d{1,6})(?:\s+(\d{1,6}))?(?:\s+(\d{1,6}))?\s*[)`]$/.exec(text) ?? [];
  const [first, second, third] = numbers.flatMap((number) => (number === undefined ? [] : [Number(number)]));
  if (first === undefined) return null;
  const [from, step, to] =
    second === undefined ? [1, 1, first] : third === undefined ? [first, 1, second] : [first, second, third];
  return to < from ? '' : (range(from, to, step)?.join('\n') ?? null);
}

/** `{1..3}` and `{a,b}` as the words that they are; null for what is nested, or counts too far. */
export function bracesOf(text: string): string[] | null {
  const [, from, to] = /^\{(-?\d{1,6})\.\.(-?\d{1,6})\}$/.exec(text) ?? [];
  if (from !== undefined && to !== undefined) return range(Number(from), Number(to), 1);
  const list = /^\{([^{}$`"'\\]*,[^{}$`"'\\]*)\}$/.exec(text)?.[1]?.split(',');
  return list === undefined || list.length > MAXIMUM_NUMBERS ? null : list;
}

/** In characters: each match may become a long text. */
const MAXIMUM_REPLACED = 64 * 1024;

const isLiteral = (text: string): boolean => !/[*?[\]\\$`"']/.test(text);

/** `#`, `##`, `%`, `%%` with a pattern that has one `*` at an end of it, or none. */
function removed(text: string, operator: string, pattern: string): string | null {
  const isFront = operator.startsWith('#');
  const literal = pattern.replace(isFront ? /^\*/ : /\*$/, '');
  if (literal === '' || !isLiteral(literal)) return null;
  if (literal === pattern) {
    if (isFront) return text.startsWith(literal) ? text.slice(literal.length) : text;
    return text.endsWith(literal) ? text.slice(0, -literal.length) : text;
  }
  const isLongest = operator.length === 2;
  const at = isFront === isLongest ? text.lastIndexOf(literal) : text.indexOf(literal);
  const place = isFront ? at : isLongest ? text.indexOf(literal) : text.lastIndexOf(literal);
  if (place === -1) return text;
  return isFront ? text.slice(place + literal.length) : text.slice(0, place);
}

/**
 * A variable's text after an operation; null where it is not followed.
 * @param expand what a word in the operation comes to
 */
export function operate(
  text: string,
  operation: ParameterOperation,
  expand: (word: Word) => string | null,
): string | null {
  switch (operation.type) {
    case 'Remove': {
      const pattern = expand(operation.operand);
      return pattern === null ? null : removed(text, operation.operator, pattern);
    }
    case 'Replace': {
      const [pattern, replacement] = [expand(operation.pattern), expand(operation.replacement)];
      if (pattern === null || replacement === null || pattern === '' || !isLiteral(pattern)) return null;
      if (operation.operator === '//') {
        const parts = text.split(pattern);
        return parts.length * replacement.length > MAXIMUM_REPLACED ? null : parts.join(replacement);
      }
      return operation.operator === '/' ? text.replace(pattern, () => replacement) : null;
    }
    case 'CaseModification':
      if (operation.operand !== undefined) return null;
      if (operation.operator === '^^') return text.toUpperCase();
      return operation.operator === ',,' ? text.toLowerCase() : null;
    default:
      return null;
  }
}
