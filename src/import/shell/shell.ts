import type { Function as FunctionNode } from 'unbash';
import { EnginesmithFailure } from '../../contracts/failures.js';
import type { ShellCommand } from './read-commands.js';
import type { Variables } from './words.js';

/** A command that cannot be followed, and why. */
export interface Unfollowed {
  line: number;
  source: string;
  why: string;
}

/** A shell that only reads: what it would have run, and with which words. */
export interface Shell {
  variables: Variables;
  directory: string | null;
  readonly functions: Map<string, FunctionNode['body']>;
  readonly commands: ShellCommand[];
  readonly isKnown: (command: ShellCommand) => boolean;
  /** Whether what is read is not the last of a pipeline. */
  isPiped: boolean;
  /** Where the function that is being read was called; null outside of functions. */
  callLine: number | null;
  /** What runs something that is not known. */
  readonly unfollowed: Unfollowed[];
  /** Functions that are being read. */
  depth: number;
  /** What reading has cost so far. */
  steps: number;
  characters: number;
}

export const createShell = (isKnown: Shell['isKnown']): Shell => ({
  variables: new Map([
    ['HOME', '~'],
    ['PWD', '.'],
  ]),
  directory: '.',
  functions: new Map(),
  commands: [],
  isKnown,
  isPiped: false,
  callLine: null,
  unfollowed: [],
  depth: 0,
  steps: 0,
  characters: 0,
});

/** Loops are followed turn by turn and variables may hold variables, so a page can ask for more than it is long. */
const MAXIMUM_STEPS = 50_000;
const MAXIMUM_CHARACTERS = 8 * 1024 * 1024;

function refuse(what: string, line: number): never {
  throw new EnginesmithFailure(
    'InvalidSpec',
    `line ${line}: the script has done ${what} by here, with its loops and variables followed; import a part of it`,
    { context: { line } },
  );
}

/** Counts what is read. @throws EnginesmithFailure `InvalidSpec` naming the line where it becomes too much */
export function charge(shell: Shell, texts: readonly (string | null)[], line: number): void {
  for (const text of texts) shell.characters += text?.length ?? 0;
  if (shell.characters > MAXIMUM_CHARACTERS) refuse('more than 8 MiB of words', line);
}

/** Counts one thing that is done. @throws EnginesmithFailure as `charge` */
export function countStep(shell: Shell, line: () => number): void {
  shell.steps += 1;
  if (shell.steps > MAXIMUM_STEPS) refuse(`more than ${MAXIMUM_STEPS} steps`, line());
}
