import type { ArithmeticExpression, DoubleQuotedChild, ParameterExpansionPart, Word, WordPart } from 'unbash';
import { arrayNamed, arrayOf, elementsOf } from './arrays.js';
import { bracesOf, operate, sequenceOf } from './expansions.js';

/** What a word comes to; null where only running the script would tell. */
export interface ShellWord {
  text: string | null;
  /** As it is written. */
  source: string;
  /** Of the page, counted from 1. */
  line: number;
  /** Why the text is null, as in "nothing sets NAME before". */
  why: string | null;
}

/** Variables by name: their text, or null where it is unknown. */
export type Variables = Map<string, string | null>;

type Value = { text: string } | { why: string };

const known = (text: string): Value => ({ text });
const unknown = (why: string): Value => ({ why });

/** A variable that holds itself twice doubles with every line. */
const MAXIMUM_WORD = 64 * 1024;

const MAXIMUM_EXPANSIONS = 64;

const DIGITS = /^\d{1,15}$/;

/** Of the process: another one in every run. */
const PROCESS_ID = '$$';

function lookUp(name: string, variables: Variables): Value {
  if (name === '$') return known(PROCESS_ID);
  const text = variables.get(name);
  if (text === undefined) return unknown(`nothing sets ${name} before`);
  return text === null ? unknown(`the value of ${name} is not known`) : known(text);
}

/** A new directory each time, whose name nobody needs to know. */
const NEW_DIRECTORY = /^(?:\$\(|`)\s*mktemp\b[^;&|()`]*[)`]$/;
const WORKING_DIRECTORY = /^(?:\$\(|`)\s*pwd\s*[)`]$/;

function expandCommand({ text, pos }: { text: string; pos: number }, variables: Variables): Value {
  if (NEW_DIRECTORY.test(text)) return known(`/mktemp-${pos}`);
  const sequence = sequenceOf(text);
  if (sequence !== null) return known(sequence);
  return WORKING_DIRECTORY.test(text) ? lookUp('PWD', variables) : unknown('nothing in it is run');
}

const operations: Record<string, (left: number, right: number) => number> = {
  '+': (left, right) => left + right,
  '-': (left, right) => left - right,
  '*': (left, right) => left * right,
  '/': (left, right) => Math.trunc(left / right),
  '%': (left, right) => left % right,
};

function calculate(expression: ArithmeticExpression | undefined, variables: Variables): number | null {
  switch (expression?.type) {
    case 'ArithmeticGroup':
      return calculate(expression.expression, variables);
    case 'ArithmeticWord': {
      const name = /^\$?\{?(\w+)\}?$/.exec(expression.value)?.[1] ?? '';
      const text = DIGITS.test(name) ? name : (variables.get(name) ?? '');
      return DIGITS.test(text) ? Number(text) : null;
    }
    case 'ArithmeticBinary': {
      const left = calculate(expression.left, variables);
      const right = calculate(expression.right, variables);
      const operation = operations[expression.operator];
      return left === null || right === null || operation === undefined ? null : operation(left, right);
    }
    default:
      return null;
  }
}

function expandParameter(part: ParameterExpansionPart, variables: Variables): Value {
  const { parameter, prefix, index, operation } = part;
  if (prefix !== undefined) return unknown('how long or how many it is, is not followed');
  if (index !== undefined) {
    const element = arrayOf(parameter, variables)?.[Number(index.text)];
    return element === undefined || operation !== undefined
      ? unknown(`the array ${parameter} is not known`)
      : known(element);
  }
  const value = lookUp(parameter, variables);
  if (operation === undefined) return value;
  if (operation.type !== 'Default') {
    if ('why' in value) return value;
    const result = operate(value.text, operation, (word) => expandValue(word, variables));
    return result === null ? unknown(`this use of ${parameter} is not followed`) : known(result);
  }
  const isSet = variables.has(parameter) && !(operation.operator.startsWith(':') && variables.get(parameter) === '');
  const kind = operation.operator.replace(':', '');
  if (kind === '+') return isSet ? expandWhole(operation.operand, variables) : known('');
  if (isSet || kind === '?') return value;
  const fallback = expandWhole(operation.operand, variables);
  if (kind === '=' && 'text' in fallback) variables.set(parameter, fallback.text);
  return fallback;
}

function expandPart(part: WordPart | DoubleQuotedChild, variables: Variables): Value {
  const array = arrayNamed(part);
  if (array !== null) {
    const elements = arrayOf(array.name, variables);
    if (elements !== null && elements !== undefined) return known(elements.join(' '));
    return unknown(
      array.name === '@' ? 'what the script is started with is not known' : `the array ${array.name} is not known`,
    );
  }
  switch (part.type) {
    case 'Literal':
    case 'SingleQuoted':
    case 'AnsiCQuoted':
    case 'Glob':
      return known(part.value);
    case 'DoubleQuoted':
    case 'LocaleString':
      return joined(part.parts.map((child) => expandPart(child, variables)));
    case 'SimpleExpansion':
      return lookUp(part.text.slice(1), variables);
    case 'ParameterExpansion':
      return expandParameter(part, variables);
    case 'ArithmeticExpansion': {
      const result = calculate(part.expression, variables);
      return result === null ? unknown('a number in it is not known') : known(`${result}`);
    }
    case 'CommandExpansion':
      return expandCommand(part, variables);
    case 'ProcessSubstitution':
      return unknown('nothing in it is run');
    default:
      return unknown(`${part.text} depends on the files that are there`);
  }
}

function joined(values: readonly Value[]): Value {
  let text = '';
  for (const value of values) {
    if ('why' in value) return value;
    text += value.text;
    if (text.length > MAXIMUM_WORD) return unknown(`it is longer than ${MAXIMUM_WORD} characters`);
  }
  return known(text);
}

/** unbash parses what is in a word when it is asked, again for each level: this many are nobody's. */
const isTooDeep = ({ text }: Word): boolean => text.split('${', MAXIMUM_EXPANSIONS + 2).length > MAXIMUM_EXPANSIONS + 1;

const tooDeep = unknown(`it has more than ${MAXIMUM_EXPANSIONS} expansions`);

function expandWhole(word: Word, variables: Variables): Value {
  if (isTooDeep(word)) return tooDeep;
  const { parts, value } = word;
  return parts === undefined ? known(value) : joined(parts.map((part) => expandPart(part, variables)));
}

/** A variable's new text: never split, whatever is in it. Null where only running the script would tell. */
export function expandValue(word: Word, variables: Variables): string | null {
  const value = expandWhole(word, variables);
  return 'text' in value ? value.text : null;
}

const isSplit = ({ type }: WordPart): boolean =>
  type === 'SimpleExpansion' || type === 'ParameterExpansion' || type === 'CommandExpansion';

/** More words than this are no command line. */
const MAXIMUM_BRACED = 256;

/** A word with braces as the words that it becomes; null where it has none, or something in it is not known. */
function withBraces(parts: readonly WordPart[], variables: Variables): string[] | null {
  if (!parts.some(({ type }) => type === 'BraceExpansion')) return null;
  let words = [''];
  for (const part of parts) {
    const value = part.type === 'BraceExpansion' ? null : expandPart(part, variables);
    const choices = value === null ? bracesOf(part.text) : 'text' in value ? [value.text] : null;
    if (choices === null || words.length * choices.length > MAXIMUM_BRACED) return null;
    words = words.flatMap((before) => choices.map((choice) => `${before}${choice}`));
    if (words.some((text) => text.length > MAXIMUM_WORD)) return null;
  }
  return words;
}

/**
 * The words that one word of a command line becomes: an expansion outside of quotes is split at blanks, and an empty one
 * vanishes.
 */
export function expandWord(word: Word, variables: Variables, line: number): ShellWord[] {
  const source = word.text;
  const whole = (value: Value): ShellWord =>
    'text' in value ? { text: value.text, source, line, why: null } : { text: null, source, line, why: value.why };
  if (isTooDeep(word)) return [whole(tooDeep)];
  if (word.parts === undefined) return [whole(known(word.value))];
  const elements = elementsOf(word, variables);
  if (elements !== null) return elements.map((text) => whole(known(text)));
  const braced = withBraces(word.parts, variables);
  if (braced !== null) return braced.map((text) => whole(known(text)));
  const values = word.parts.map((part) => ({ value: expandPart(part, variables), splits: isSplit(part) }));
  const value = joined(values.map((part) => part.value));
  const splits = values.some((part) => part.splits && 'text' in part.value && /^$|\s/.test(part.value.text));
  if (!splits || !('text' in value)) return [whole(value)];
  // Only whole words are split at their blanks: `"a b"$C` with blanks on both sides is nobody's command line.
  if (values.some((part) => !part.splits && 'text' in part.value && /\s/.test(part.value.text))) return [whole(value)];
  return value.text
    .split(/\s+/)
    .filter((text) => text !== '')
    .map((text) => whole(known(text)));
}
