import type { FlagContract, ToolName } from '../toolchains/contracts/contract.js';
import { contracts, type ReleaseNumber } from '../toolchains/contracts/contracts.js';
import { type ArgumentProblem, type GivenFlag, parseArguments, styleOf } from './parse-arguments.js';
import type { ProgramCall } from './programs.js';
import { resolvePath } from './shell/paths.js';
import type { ShellWord } from './shell/words.js';

/** A call of a program whose flags are known, parsed as its release would. */
export interface ToolCall {
  tool: ToolName;
  call: ProgramCall;
  flags: ReadonlyMap<string, FlagContract>;
  given: ReadonlyMap<string, GivenFlag>;
  problems: readonly ArgumentProblem[];
  unread: readonly ShellWord[];
  unknown: ReadonlyMap<string, ShellWord>;
}

const noFlags: ReadonlyMap<string, FlagContract> = new Map();

const flagsOf = (release: ReleaseNumber, tool: ToolName) => contracts[release].flagsOf(tool) ?? noFlags;

/** Flags that a release takes on a tool's command line; a subcommand's together with those that stand before it. */
export const acceptedFlags = (release: ReleaseNumber, tool: ToolName): ReadonlyMap<string, FlagContract> =>
  tool.startsWith('prepare_dataset.py ')
    ? new Map([...flagsOf(release, 'prepare_dataset.py'), ...flagsOf(release, tool)])
    : flagsOf(release, tool);

const isSubcommand = (name: string): name is 'token-norm-dist' | 'token-unif-dist' | 'dataset' =>
  name === 'token-norm-dist' || name === 'token-unif-dist' || name === 'dataset';

/** click takes the options of the group before the subcommand, and only there. */
function parsePrepareDataset(call: ProgramCall, release: ReleaseNumber): ToolCall {
  const index = call.arguments.findIndex(({ text }) => isSubcommand(text ?? ''));
  const name = call.arguments[index]?.text ?? '';
  const group = flagsOf(release, 'prepare_dataset.py');
  const before = parseArguments(index === -1 ? call.arguments : call.arguments.slice(0, index), {
    flags: group,
    style: 'click',
    line: call.line,
  });
  if (!isSubcommand(name)) return { tool: 'prepare_dataset.py', call, flags: group, ...before };
  const tool = `prepare_dataset.py ${name}` as const;
  const own = flagsOf(release, tool);
  // What the group takes is read here too, to know what is meant, and complained of.
  const optional = [...group].map(([spelling, flag]) => [spelling, { ...flag, isRequired: false }] as const);
  const flags = new Map([...optional, ...own]);
  const after = parseArguments(call.arguments.slice(index + 1), { flags, style: 'click', line: call.line });
  const misplaced = [...after.given.values()].filter(({ flag }) => !own.has(flag.names[0]));
  const isMisplaced = (spelling: string): boolean => misplaced.some(({ flag }) => flag.names.includes(spelling));
  const problems = [
    ...before.problems.filter(({ code, field }) => code !== 'missing-flag' || !isMisplaced(field)),
    ...misplaced.map(
      ({ spelling, line }): ArgumentProblem => ({
        code: 'option-after-subcommand',
        field: spelling,
        line,
        message: `${spelling} stands behind ${name}, which does not know it`,
        fix: `Move it before ${name}.`,
      }),
    ),
    ...after.problems,
  ];
  return {
    tool,
    call,
    flags: acceptedFlags(release, tool),
    given: new Map([...before.given, ...after.given]),
    problems,
    unread: [...before.unread, ...after.unread],
    unknown: new Map([...before.unknown, ...after.unknown]),
  };
}

/** @returns null where the release has no such program */
export function parseToolCall(call: ProgramCall, tool: ToolName, release: ReleaseNumber): ToolCall | null {
  if (tool === 'prepare_dataset.py') return parsePrepareDataset(call, release);
  const flags = contracts[release].flagsOf(tool);
  if (flags === null) return null;
  return { tool, call, flags, ...parseArguments(call.arguments, { flags, style: styleOf(tool), line: call.line }) };
}

/** The text that a flag was given, or else its default; null where it has neither, or its value is not known. */
export function textOf({ given, flags }: ToolCall, name: string): string | null {
  const found = given.get(flags.get(name)?.names[0] ?? name);
  return found === undefined ? (flags.get(name)?.default ?? null) : (found.values[0]?.text ?? null);
}

export const numberOf = (call: ToolCall, name: string): number | null => {
  const text = textOf(call, name);
  return text !== null && /^-?\d+(?:\.\d+)?$/.test(text) ? Number(text) : null;
};

export const isGiven = ({ given, flags }: ToolCall, name: string): boolean =>
  given.has(flags.get(name)?.names[0] ?? name);

/** Where a flag stands; the command's line where it does not. */
export const lineOf = ({ given, flags, call }: ToolCall, name: string): number =>
  given.get(flags.get(name)?.names[0] ?? name)?.line ?? call.line;

/** A path that a flag was given, from the command's working directory on. */
export const pathOf = (tool: ToolCall, name: string): string | null =>
  resolvePath(textOf(tool, name), tool.call.directory);
