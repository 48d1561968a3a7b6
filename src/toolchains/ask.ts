import type { SpecProblem } from '../contracts/spec-problems.js';
import type { CommandTemplate, Flag } from './command.js';
import type { FlagContract, ToolName } from './contracts/contract.js';
import { contracts, type ReleaseNumber } from './contracts/contracts.js';

/**
 * What is asked of a flag. `true` and `false` become what the release takes: a bare flag, or enable and disable. A list becomes
 * one value after the other.
 */
type AskedValue = string | number | boolean | readonly string[];

/** One thing that a step asks of a program, before a release spells it. */
export interface Ask {
  kind: Flag['kind'];
  /** Best first: a release gets the first one that it has. */
  spellings: readonly { flag: string; value: AskedValue }[];
  /** Field of the spec that it comes from; null for what Enginesmith always asks, which every release has. */
  field: string | null;
  /** Whether a release without the flag does what is asked all the same, or is asked elsewhere. */
  isDefaultWhereGone: boolean;
  /** What to do instead where a release has no such flag. */
  advice: string | null;
}

interface AskOptions {
  field?: string;
  isDefaultWhereGone?: boolean;
  advice?: string;
  /** Older or newer spellings, with what they take. */
  otherwise?: Ask['spellings'];
}

const asker =
  (kind: Ask['kind']) =>
  (
    flag: string,
    value: AskedValue,
    { field, isDefaultWhereGone = false, advice, otherwise = [] }: AskOptions = {},
  ): Ask => ({
    kind,
    spellings: [{ flag, value }, ...otherwise],
    field: field ?? null,
    isDefaultWhereGone,
    advice: advice ?? null,
  });

/** Asks for what changes the bytes of the output. */
export const semantic = asker('semantic');
/** Asks how a tool works, never what it makes. */
export const execution = asker('execution');
/** Names a place that belongs to the attempt, by its placeholder. */
export const path = (flag: string, placeholder: string, options: AskOptions = {}): Ask =>
  asker('path')(flag, `{${placeholder}}`, options);

/** Names a place, or places, in words of its own. */
export const located = (flag: string, value: string | readonly string[], options: AskOptions = {}): Ask =>
  asker('path')(flag, value, options);

/** Asks for what the spec says, and for nothing where it says nothing. */
export const ifAsked = <Value extends string | number | boolean>(
  value: Value | undefined,
  ask: (value: Value) => Ask,
): Ask[] => (value === undefined ? [] : [ask(value)]);

/** A flag as a release takes it; null where the value cannot be said. */
function spell({ names: [name], value: takes, isList }: FlagContract, value: AskedValue): Omit<Flag, 'kind'>[] | null {
  if (typeof value === 'object') {
    const [first, ...others] = value;
    if (!isList || first === undefined) return null;
    return [{ name, value: first }, ...others.map((other) => ({ name: other, value: null }))];
  }
  // A C++ option that takes a boolean means true where it stands alone; another word after it would be one too many.
  if (takes.kind === 'nothing' || takes.kind === 'boolean') {
    return value === true ? [{ name, value: null }] : value === false ? [] : null;
  }
  const text = typeof value === 'boolean' ? (value ? 'enable' : 'disable') : `${value}`;
  if (takes.kind === 'choices' && !text.startsWith('{') && !takes.choices.includes(text)) return null;
  if ((takes.kind === 'integer' || takes.kind === 'number') && typeof value !== 'number') return null;
  return [{ name, value: text }];
}

const listed = (releases: readonly string[]): string =>
  releases.length < 2 ? releases.join('') : `${releases.slice(0, -1).join(', ')} and ${releases.at(-1)}`;

const isKnownTo = (release: ReleaseNumber, tool: ToolName, { spellings }: Ask): boolean =>
  spellings.some(({ flag, value }) => {
    const contract = contracts[release].flagsOf(tool)?.get(flag);
    return contract !== undefined && spell(contract, value) !== null;
  });

const releaseNumbers = Object.keys(contracts).filter((name): name is ReleaseNumber => name in contracts);

function unsupported(release: ReleaseNumber, tool: ToolName, ask: Ask): SpecProblem {
  const [{ flag, value } = { flag: '', value: '' }] = ask.spellings;
  const field = ask.field ?? 'toolchain';
  const others = releaseNumbers.filter((other) => isKnownTo(other, tool, ask));
  const contract = contracts[release].flagsOf(tool)?.get(flag);
  const lacks =
    contract?.value.kind === 'choices'
      ? `${tool} of ${release} takes ${flag} ${contract.value.choices.join(', ')}, not ${[value].flat().join(' ')}`
      : `${tool} of ${release} has no ${flag}`;
  const can = others.length === 0 ? 'no release has it' : `${listed(others)} ${others.length === 1 ? 'does' : 'do'}`;
  return { field, problem: `${lacks}; ${can}. ${ask.advice ?? `Leave ${field} out, or use such a release`}` };
}

/**
 * A command line as a release takes it.
 * @param program what starts the tool
 * @returns with it, each field of the spec that the release cannot do, and which releases can
 */
export function commandOf(
  release: ReleaseNumber,
  tool: ToolName,
  program: string[],
  asks: readonly Ask[],
): CommandTemplate {
  const contract = contracts[release].flagsOf(tool);
  if (contract === null) {
    return { program, flags: [], unsupported: [{ field: 'toolchain', problem: `${release} has no ${tool}` }] };
  }
  const command: CommandTemplate = { program, flags: [], unsupported: [] };
  for (const ask of asks) {
    const spelled = ask.spellings.flatMap(({ flag, value }) => {
      const found = contract.get(flag);
      // The spelling that was asked for, where a flag has several: `--data_type` is clearer than its newer alias.
      const said = found === undefined ? null : spell({ ...found, names: [flag] }, value);
      return said === null ? [] : [said];
    });
    const [first] = spelled;
    if (first !== undefined) command.flags.push(...first.map((flag) => ({ kind: ask.kind, ...flag })));
    else if (!ask.isDefaultWhereGone || ask.spellings.some(({ flag }) => contract.has(flag)))
      command.unsupported.push(unsupported(release, tool, ask));
  }
  return command;
}
