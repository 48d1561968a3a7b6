import type { SpecProblem } from '../contracts/spec-problems.js';

/**
 * How a flag takes part in what a step makes.
 * - `semantic`: changes the bytes of the output, so it is part of the action key
 * - `execution`: changes how the tool works (threads, progress), never what it makes
 * - `path`: a place that belongs to an attempt; the content behind it enters the key as an input's digest
 */
type FlagKind = 'semantic' | 'execution' | 'path';

export interface Flag {
  kind: FlagKind;
  /** As the tool spells it, with its dashes. */
  name: string;
  /** Null for a bare flag. */
  value: string | null;
}

/**
 * One command line before its attempt is known. Paths, ports and GPU ids are placeholders such as `{output}`; everything
 * else is final.
 */
export interface CommandTemplate {
  /** The program and what always follows it. */
  program: string[];
  flags: Flag[];
  /** What the spec asks and the release cannot do; with any, the command line is not to be run. */
  unsupported: SpecProblem[];
}

/** What starts a Python program once a rank: engines of several ranks exchange activations over MPI. */
export const underMpi = (ranks: number, script: string): string[] => [
  'mpirun',
  '-n',
  `${ranks}`,
  '--allow-run-as-root',
  'python3',
  script,
];

/** The command line of a template, placeholders included. */
export const renderArgv = ({ program, flags }: Pick<CommandTemplate, 'program' | 'flags'>): string[] => [
  ...program,
  ...flags.flatMap(({ name, value }) => (value === null ? [name] : [name, value])),
];

/** The flags that enter the action key, by name. A bare flag is `true`. */
export const semanticParameters = ({ flags }: CommandTemplate): Record<string, string | true> =>
  Object.fromEntries(flags.filter(({ kind }) => kind === 'semantic').map(({ name, value }) => [name, value ?? true]));

/**
 * Puts an attempt's paths, ports and GPU ids into an argv. An argument `{name...}` becomes as many as its list has.
 * @throws Error when a placeholder has no value: a mistake of ours, never of a user
 */
export function substitute(
  argv: string[],
  values: Record<string, string>,
  lists: Record<string, readonly string[]> = {},
): string[] {
  const required = <Value>(found: Value | undefined, argument: string): Value => {
    if (found === undefined) throw new Error(`no value for the placeholder in "${argument}"`);
    return found;
  };
  return argv.flatMap((argument) => {
    const list = /^\{([a-zA-Z]+)\.\.\.\}$/.exec(argument)?.[1];
    if (list !== undefined) return required(lists[list], argument);
    return argument.replace(/\{([a-zA-Z]+)\}/g, (_, placeholder: string) => required(values[placeholder], argument));
  });
}
