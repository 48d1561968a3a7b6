import { type FlagContract, type ToolName, toolNames } from '../../src/toolchains/contracts/contract.js';
import type { ReleaseNumber } from '../../src/toolchains/contracts/contracts.js';
import { contracts } from '../../src/toolchains/contracts/contracts.js';

/** A word that a parser of numbers would take. */
const isNumber = (word: string, { kind }: FlagContract['value']): boolean =>
  kind === 'integer' ? /^-?\d+$/.test(word) : /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(word);

const PLACEHOLDER = /^\{[a-zA-Z]+(\.\.\.)?\}/;

function problemOf(flag: FlagContract, word: string): string | null {
  const { value, names } = flag;
  if (value.kind === 'choices') return value.choices.includes(word) ? null : `${names[0]} does not take ${word}`;
  if (value.kind !== 'integer' && value.kind !== 'number') return null;
  return isNumber(word, value) ? null : `${names[0]} takes a ${value.kind}, not ${word}`;
}

/** The tool that a command line starts, and what it is given; undefined for what is no program of a release. */
export function toolOf(argv: readonly string[]): { tool: ToolName; words: string[] } | undefined {
  const program = argv.findIndex((word) => /(\.py|trtllm-build|gptManagerBenchmark)$/.test(word));
  const path = argv[program];
  if (path === undefined) return undefined;
  const tool = toolNames.filter((name) => path.endsWith(name)).sort((left, right) => right.length - left.length)[0];
  return tool === undefined ? undefined : { tool, words: argv.slice(program + 1) };
}

/**
 * Reads a command line as the program's own parser would: argparse, click or cxxopts.
 * @returns the flags that it was given, and why the program would refuse it
 */
export function parseArguments(
  release: ReleaseNumber,
  tool: ToolName,
  words: readonly string[],
): { flags: string[]; problems: string[] } {
  const known = contracts[release].flagsOf(tool);
  if (known === null) return { flags: [], problems: [`${release} has no ${tool}`] };
  const flags: string[] = [];
  const problems: string[] = [];
  const seen = new Set<string>();
  let index = 0;
  while (index < words.length) {
    const word = words[index] ?? '';
    index += 1;
    const subcommand = toolNames.find((name) => name === `${tool} ${word}`);
    if (subcommand !== undefined) {
      const rest = parseArguments(release, subcommand, words.slice(index));
      flags.push(...rest.flags);
      problems.push(...rest.problems);
      break;
    }
    const flag = known.get(word);
    if (flag === undefined) {
      problems.push(`${tool} of ${release}: unrecognized ${word}`);
      continue;
    }
    flags.push(`${tool} ${word}`);
    if (seen.has(flag.names[0])) problems.push(`${word} comes twice`);
    seen.add(flag.names[0]);
    if (flag.value.kind === 'nothing' || flag.value.kind === 'boolean') continue;
    const values: string[] = [];
    const isFull = (): boolean => !flag.isList && values.length === flag.count;
    while (index < words.length && !isFull() && !known.has(words[index] ?? '')) {
      values.push(words[index] ?? '');
      index += 1;
    }
    if (values.length === 0) problems.push(`${word} has no value`);
    for (const value of values) {
      const problem = PLACEHOLDER.test(value) ? null : problemOf(flag, value);
      if (problem !== null) problems.push(problem);
    }
  }
  for (const { names, isRequired } of known.values()) {
    if (isRequired && !seen.has(names[0])) problems.push(`${tool} of ${release}: ${names[0]} is required`);
  }
  return { flags, problems };
}
