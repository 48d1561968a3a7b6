import type { Page, ShellBlock } from '../page.js';
import { lineCounter } from './lines.js';
import { parseShell } from './parse-shell.js';
import { createShell, type Shell, type Unfollowed } from './shell.js';
import { walkStatements } from './walk.js';
import type { ShellWord } from './words.js';

/** One simple command, as the shell would start it. */
export interface ShellCommand {
  words: readonly ShellWord[];
  /** `NAME=value` before it. */
  environment: ReadonlyMap<string, string | null>;
  /** Working directory: absolute, or relative to where the page starts; null where it is unknown. */
  directory: string | null;
  /** The file that its output goes to; null where it goes to none, or where is not known. */
  output: string | null;
  /** Whether its output goes to a file or another program. */
  isRedirected: boolean;
  line: number;
}

interface SyntaxProblem {
  line: number;
  message: string;
}

export interface ShellReading {
  commands: readonly ShellCommand[];
  problems: readonly SyntaxProblem[];
  unfollowed: readonly Unfollowed[];
}

function readBlock(block: ShellBlock, shell: Shell): SyntaxProblem[] {
  const lineOf = lineCounter(block);
  const script = parseShell(block.text, block.firstLine);
  const before = shell.commands.length;
  walkStatements(script.commands, shell, lineOf);
  // What is not said to be shell, or starts no program that is known, is most likely output.
  const isShell = block.isMarkedShell && shell.commands.slice(before).some((command) => shell.isKnown(command));
  const [problem] = script.errors ?? [];
  return problem === undefined || !isShell ? [] : [{ line: lineOf(problem.pos), message: problem.message }];
}

/**
 * Reads every command of a page in the order in which it stands there, in one shell: variables and the working directory
 * of a block are there in the next. Nothing is run.
 * @param isKnown whether a command starts a program that somebody cares about
 */
export function readCommands({ blocks }: Page, isKnown: (command: ShellCommand) => boolean): ShellReading {
  const shell = createShell(isKnown);
  const problems = blocks.flatMap((block) => readBlock(block, shell));
  return { commands: shell.commands, problems, unfollowed: shell.unfollowed };
}
