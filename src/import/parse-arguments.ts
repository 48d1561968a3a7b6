import { nearMiss } from '../contracts/near-miss.js';
import type { FlagContract, ToolName } from '../toolchains/contracts/contract.js';
import type { FindingCode } from './findings.js';
import type { ShellWord } from './shell/words.js';

/** What a flag was given: its words, none where it is bare. */
export interface GivenFlag {
  flag: FlagContract;
  /** As it is written. */
  spelling: string;
  values: readonly ShellWord[];
  line: number;
}

export interface ArgumentProblem {
  code: Extract<
    FindingCode,
    | 'unknown-flag'
    | 'ambiguous-flag'
    | 'bad-value'
    | 'missing-value'
    | 'missing-flag'
    | 'stray-argument'
    | 'option-after-subcommand'
  >;
  /** The flag as it is written, or the argument. */
  field: string;
  line: number;
  message: string;
  fix: string;
}

export interface ParsedArguments {
  /** By the flag's first spelling; the last one given counts. */
  given: ReadonlyMap<string, GivenFlag>;
  problems: readonly ArgumentProblem[];
  /** Words that are no flag's value and whose text is not known: they may be flags. */
  unread: readonly ShellWord[];
  /** What flags were given that the release does not have, by their spelling. */
  unknown: ReadonlyMap<string, ShellWord>;
}

export type Flags = ReadonlyMap<string, FlagContract>;

/** How a program reads its command line: argparse takes unambiguous prefixes, cxxopts and click do not. */
export type ArgumentStyle = 'argparse' | 'cxxopts' | 'click';

export const styleOf = (tool: ToolName): ArgumentStyle => {
  if (tool === 'gptManagerBenchmark') return 'cxxopts';
  return tool.startsWith('prepare_dataset.py') ? 'click' : 'argparse';
};

/** argparse takes a negative number for a value. */
const looksLikeFlag = (text: string | null): boolean => text !== null && /^-(?!\d|$)/.test(text);

function findFlag(name: string, flags: Flags, style: ArgumentStyle): FlagContract | FlagContract[] {
  const exact = flags.get(name);
  if (exact !== undefined) return exact;
  if (style !== 'argparse' || !name.startsWith('--')) return [];
  const begun = new Set([...flags].filter(([known]) => known.startsWith(name)).map(([, flag]) => flag));
  const [only] = begun;
  return begun.size === 1 && only !== undefined ? only : [...begun];
}

function problemOfValue({ value }: FlagContract, text: string | null): string | null {
  if (text === null) return null;
  switch (value.kind) {
    case 'choices':
      return value.choices.includes(text) ? null : `takes ${value.choices.join(', ')}`;
    case 'integer':
      return /^[+-]?\d+$/.test(text) ? null : 'takes a whole number';
    case 'number':
      return text.trim() !== '' && Number.isFinite(Number(text)) ? null : 'takes a number';
    case 'boolean':
      return /^(?:true|false|0|1|t|f)$/i.test(text) ? null : 'takes true or false';
    default:
      return null;
  }
}

/** Words that follow a flag as its values. */
function takeValues(flag: FlagContract, following: readonly ShellWord[], style: ArgumentStyle): readonly ShellWord[] {
  if (flag.value.kind === 'nothing' || (flag.value.kind === 'boolean' && style === 'cxxopts')) return [];
  const end = style === 'argparse' ? following.findIndex(({ text }) => looksLikeFlag(text)) : -1;
  const available = end === -1 ? following : following.slice(0, end);
  return flag.isList ? available : available.slice(0, flag.count);
}

function missingFlags(flags: Flags, given: ReadonlyMap<string, GivenFlag>, line: number): ArgumentProblem[] {
  return [...new Set(flags.values())].flatMap(({ names: [name], isRequired }) =>
    isRequired && !given.has(name)
      ? [{ code: 'missing-flag', field: name, line, message: `${name} is required`, fix: `Give ${name}.` }]
      : [],
  );
}

/**
 * Parses a command line as the program itself would.
 * @param line of the command, for what is missing from it
 */
export function parseArguments(
  words: readonly ShellWord[],
  { flags, style, line }: { flags: Flags; style: ArgumentStyle; line: number },
): ParsedArguments {
  const given = new Map<string, GivenFlag>();
  const problems: ArgumentProblem[] = [];
  const unread: ShellWord[] = [];
  const unknown = new Map<string, ShellWord>();
  let index = 0;
  while (index < words.length) {
    const word = words[index];
    index += 1;
    if (word === undefined) continue;
    if (word.text === null) {
      unread.push(word);
      continue;
    }
    const at = { field: word.text, line: word.line };
    if (!looksLikeFlag(word.text)) {
      const fix = style === 'cxxopts' ? 'Write --flag, or --flag=true.' : 'Take it away, or say which flag it is for.';
      problems.push({ code: 'stray-argument', ...at, message: `nothing takes the argument "${word.text}"`, fix });
      continue;
    }
    const equals = word.text.startsWith('--') ? word.text.indexOf('=') : -1;
    const spelling = equals === -1 ? word.text : word.text.slice(0, equals);
    const found = findFlag(spelling, flags, style);
    if (Array.isArray(found)) {
      problems.push(unknownFlag(spelling, found, flags, word.line));
      const value = equals === -1 ? words[index] : { ...word, text: word.text.slice(equals + 1) };
      if (value !== undefined) unknown.set(spelling, value);
      // Its values, if it has any, would be strays that nobody needs to hear of.
      while (equals === -1 && index < words.length && !looksLikeFlag(words[index]?.text ?? null)) index += 1;
      continue;
    }
    const inWord = equals === -1 ? [] : [{ ...word, text: word.text.slice(equals + 1) }];
    const values = equals === -1 ? takeValues(found, words.slice(index), style) : inWord;
    index += equals === -1 ? values.length : 0;
    given.set(found.names[0], { flag: found, spelling, values, line: word.line });
    problems.push(...valueProblems(found, values, { spelling, line: word.line, style }));
  }
  problems.push(...missingFlags(flags, given, line));
  return { given, problems, unread, unknown };
}

function unknownFlag(spelling: string, begun: FlagContract[], flags: Flags, line: number): ArgumentProblem {
  const names = begun.map(({ names: [name] }) => name);
  if (names.length > 1) {
    const message = `${spelling} may be ${names.join(', ')}`;
    return { code: 'ambiguous-flag', field: spelling, line, message, fix: 'Write the one that is meant in full.' };
  }
  const meant = nearMiss(spelling, [...flags.keys()]);
  const fix = meant === undefined ? 'Take it away.' : `Did you mean ${meant}?`;
  return { code: 'unknown-flag', field: spelling, line, message: `there is no ${spelling}`, fix };
}

function valueProblems(
  flag: FlagContract,
  values: readonly ShellWord[],
  { spelling, line, style }: { spelling: string; line: number; style: ArgumentStyle },
): ArgumentProblem[] {
  const at = { field: spelling, line };
  if (flag.value.kind === 'nothing') {
    if (values.length === 0) return [];
    return [{ code: 'bad-value', ...at, message: `${spelling} takes no value`, fix: `Write ${spelling} alone.` }];
  }
  const mayBeBare = flag.isValueOptional || (flag.value.kind === 'boolean' && style === 'cxxopts');
  if (values.length === 0 && !mayBeBare) {
    return [{ code: 'missing-value', ...at, message: `${spelling} has no value`, fix: 'Give it one.' }];
  }
  return values.flatMap((value) => {
    const problem = problemOfValue(flag, value.text);
    if (problem === null) return [];
    return [
      {
        code: 'bad-value',
        field: spelling,
        line: value.line,
        message: `${spelling} ${problem}, not "${value.text}"`,
        fix: `Correct the value of ${spelling}.`,
      },
    ];
  });
}
