import type { Assignment, Command, CommandNode, Function as FunctionNode, PipelineNode, Statement, Word } from 'unbash';
import { EnginesmithFailure } from '../../contracts/failures.js';
import { arrayOf, setArray } from './arrays.js';
import { containerDirectory } from './containers.js';
import { lineCounter } from './lines.js';
import { parseShell } from './parse-shell.js';
import { resolvePath } from './paths.js';
import type { ShellCommand } from './read-commands.js';
import { expandValue, expandWord, type ShellWord, type Variables } from './words.js';

/** A command that cannot be followed, and why. */
export interface Unfollowed {
  line: number;
  source: string;
  why: string;
}

/** Words that are a function's arguments. */
const PASSED = /\$\{?[@*]/;

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

type LineOf = (position: number) => number;

/** Loops are followed turn by turn and variables may hold variables, so a page can ask for more than it is long. */
const MAXIMUM_STEPS = 50_000;
const MAXIMUM_CHARACTERS = 8 * 1024 * 1024;
const MAXIMUM_TURNS = 64;
const MAXIMUM_CALLS = 8;

function refuse(what: string, line: number): never {
  throw new EnginesmithFailure(
    'InvalidSpec',
    `line ${line}: the script has done ${what} by here, with its loops and variables followed; import a part of it`,
    { context: { line } },
  );
}

/** Counts what is read. @throws EnginesmithFailure `InvalidSpec` naming the line where it becomes too much */
function charge(shell: Shell, texts: readonly (string | null)[], line: number): void {
  for (const text of texts) shell.characters += text?.length ?? 0;
  if (shell.characters > MAXIMUM_CHARACTERS) refuse('more than 8 MiB of words', line);
}

function assign({ name, value, append, index, pos }: Assignment, shell: Shell, lineOf: LineOf): void {
  if (value.type === 'ArrayValue') {
    const words = value.elements.flatMap((element) => expandWord(element, shell.variables, lineOf(pos)));
    const texts = words.flatMap(({ text }) => text ?? []);
    const earlier = append === true ? (arrayOf(name, shell.variables) ?? null) : [];
    const elements = texts.length < words.length || earlier === null ? null : [...earlier, ...texts];
    charge(shell, elements ?? [], lineOf(pos));
    setArray(name, elements, shell.variables);
    shell.variables.set(name, elements?.[0] ?? null);
    return;
  }
  const text = index !== undefined ? null : expandValue(value, shell.variables);
  if (index !== undefined) setArray(name, null, shell.variables);
  const before = append === true ? (shell.variables.get(name) ?? null) : '';
  const assigned = text === null || before === null ? null : `${before}${text}`;
  charge(shell, [assigned], lineOf(pos));
  shell.variables.set(name, assigned);
}

/** What a command changes in the shell that reads it. */
function affect(shell: Shell, [name, first, ...others]: readonly ShellWord[]): void {
  if (name?.text === 'cd' || name?.text === 'pushd') {
    shell.directory = first === undefined ? '~' : resolvePath(first.text, shell.directory);
    shell.variables.set('PWD', shell.directory);
  } else if (name?.text === 'unset') {
    for (const { text } of [first, ...others].filter((word) => word !== undefined)) shell.variables.delete(text ?? '');
  } else if (name?.text === 'read' || name?.text === 'mapfile') {
    for (const { text } of [first, ...others].filter((word) => word !== undefined))
      shell.variables.set(text ?? '', null);
  }
}

function callFunction(body: FunctionNode['body'], words: readonly ShellWord[], shell: Shell, lineOf: LineOf): void {
  if (shell.depth >= MAXIMUM_CALLS) {
    shell.unfollowed.push({ line: words[0]?.line ?? 1, source: words[0]?.source ?? '', why: TOO_DEEP });
    return;
  }
  const passed = words.slice(1).map(({ text }) => text);
  const known = passed.flatMap((text) => text ?? []);
  const outer = { passed: arrayOf('@', shell.variables), line: shell.callLine };
  setArray('@', known.length < passed.length ? null : known, shell.variables);
  shell.callLine = words[0]?.line ?? null;
  const before = [...'123456789'].map((name) => [name, shell.variables.get(name)] as const);
  for (const [name] of before) shell.variables.set(name, words[Number(name)]?.text ?? null);
  shell.depth += 1;
  if (body.type === 'CompoundList') walkStatements(body.commands, shell, lineOf);
  else walkNode(body, shell, lineOf);
  shell.depth -= 1;
  shell.callLine = outer.line;
  if (outer.passed === undefined) shell.variables.delete('@[@]');
  else setArray('@', outer.passed, shell.variables);
  for (const [name, text] of before) {
    if (text === undefined) shell.variables.delete(name);
    else shell.variables.set(name, text);
  }
}

/** Where a command's output goes. */
function outputOf({ redirects }: Command, shell: Shell, lineOf: LineOf): Pick<ShellCommand, 'output' | 'isRedirected'> {
  const found = redirects.findLast(
    (one) => one.type === 'Redirect' && /^(?:>>?|>\||&>>?)$/.test(one.operator) && one.descriptor === undefined,
  );
  if (found?.type !== 'Redirect' || found.target === undefined) return { output: null, isRedirected: shell.isPiped };
  const [target] = expandWord(found.target, shell.variables, lineOf(found.pos));
  return { output: target?.text ?? null, isRedirected: target?.text !== '/dev/null' };
}

function walkCommand(command: Command, shell: Shell, lineOf: LineOf): void {
  const { name, prefix, args, pos } = command;
  const assigned = prefix.filter((part) => part.type === 'Assignment');
  if (name === undefined) {
    for (const assignment of assigned) assign(assignment, shell, lineOf);
    return;
  }
  // What a function does with its arguments is said where it is called.
  const lineAt = (word: Word): number =>
    PASSED.test(word.text) && shell.callLine !== null ? shell.callLine : lineOf(word.pos);
  const words = [name, ...args].flatMap((argument) => {
    if (argument.type === 'Word') {
      const line = lineAt(argument);
      const expanded = expandWord(argument, shell.variables, line);
      charge(
        shell,
        expanded.map(({ text }) => text),
        line,
      );
      return expanded;
    }
    // `export NAME=value`, `local NAME=value`.
    assign(argument, shell, lineOf);
    return [];
  });
  const body = shell.functions.get(words[0]?.text ?? '');
  if (body !== undefined) {
    callFunction(body, words, shell, lineOf);
    return;
  }
  affect(shell, words);
  const environment = new Map(
    assigned.map(({ name: variable, value }) => [
      variable,
      value.type === 'ArrayValue' ? null : expandValue(value, shell.variables),
    ]),
  );
  shell.commands.push({
    words,
    environment,
    directory: shell.directory,
    line:
      shell.callLine !== null && words[0]?.line === shell.callLine
        ? shell.callLine
        : callLineOf(command, shell, lineOf(pos)),
    ...outputOf(command, shell, lineOf),
  });
  if (words[0] !== undefined && words[0].text === null) {
    shell.unfollowed.push({ line: words[0].line, source: words[0].source, why: words[0].why ?? 'it is not known' });
  }
  walkInnerScript(words, shell);
  walkHereDocument(command, words, shell, lineOf);
}

/** The line of the call, where a function runs what it is given. */
const callLineOf = ({ name, args }: Command, { callLine }: Shell, line: number): number =>
  callLine !== null && [name, ...args].some((word) => word?.type === 'Word' && PASSED.test(word.text))
    ? callLine
    : line;

/** A script that a shell reads from a here-document, also in a container. */
function walkHereDocument({ redirects }: Command, words: readonly ShellWord[], shell: Shell, lineOf: LineOf): void {
  const document = redirects.findLast((one) => one.type === 'HereDoc');
  const index = words.findLastIndex(({ text }) => SHELLS.test(text ?? ''));
  if (document?.type !== 'HereDoc' || index === -1) return;
  if (!words.slice(index + 1).every(({ text }) => /^-(?!c)/.test(text ?? ''))) return;
  const { body } = document;
  walkText({ text: body.text, source: '<<', line: lineOf(body.pos), why: null }, words, shell);
}

const SHELLS = /(?:^|\/)(?:ba|da|z)?sh$/;
const COMMAND_OPTION = /^-[a-z]*c$/;

/** A script in a word: of `bash -c`, also behind what starts that shell (docker run, sudo), of `trap` and of `eval`. */
function innerScript(words: readonly ShellWord[]): ShellWord | undefined {
  const [name, first] = words;
  if (name?.text === 'trap') return first;
  if (name?.text === 'eval' && first !== undefined) {
    const unknown = words.find(({ text }) => text === null);
    return (
      unknown ?? {
        ...first,
        text: words
          .slice(1)
          .map(({ text }) => text)
          .join(' '),
      }
    );
  }
  const index = words.findIndex(
    ({ text }, at) => SHELLS.test(text ?? '') && COMMAND_OPTION.test(words[at + 1]?.text ?? ''),
  );
  return index === -1 ? undefined : words[index + 2];
}

/** Its lines are counted from the word's. */
function walkInnerScript(words: readonly ShellWord[], shell: Shell): void {
  const script = innerScript(words);
  if (script !== undefined) walkText(script, words, shell);
}

const TOO_DEEP = `there are more than ${MAXIMUM_CALLS} scripts and functions in each other`;

function walkText(script: ShellWord, words: readonly ShellWord[], shell: Shell): void {
  if (script.text === null || shell.depth >= MAXIMUM_CALLS) {
    const why = script.text === null ? (script.why ?? 'it is not known') : TOO_DEEP;
    shell.unfollowed.push({ line: script.line, source: script.source, why });
    return;
  }
  shell.depth += 1;
  const block = { text: script.text, firstLine: script.line, isMarkedShell: true };
  const { directory } = shell;
  const start = words[0]?.text === 'docker' ? containerDirectory(words) : null;
  if (start !== null) shell.directory = resolvePath(start, '/');
  walkSubshell(parseShell(block.text, block.firstLine).commands, shell, lineCounter(block));
  shell.directory = directory;
  shell.depth -= 1;
}

/** Reads one branch of several: what it sets is certain only where it was not set before, or to the same. */
function walkBranch(statements: readonly Statement[], shell: Shell, lineOf: LineOf): void {
  const before = new Map(shell.variables);
  const { directory } = shell;
  walkStatements(statements, shell, lineOf);
  for (const [name, text] of before) if (shell.variables.get(name) !== text) shell.variables.set(name, null);
  if (shell.directory !== directory) shell.directory = null;
}

function walkSubshell(statements: readonly Statement[], shell: Shell, lineOf: LineOf): void {
  const { variables, directory } = shell;
  shell.variables = new Map(variables);
  walkStatements(statements, shell, lineOf);
  shell.variables = variables;
  shell.directory = directory;
}

function walkNode(node: CommandNode | PipelineNode | Statement['command'], shell: Shell, lineOf: LineOf): void {
  shell.steps += 1;
  if (shell.steps > MAXIMUM_STEPS) refuse(`more than ${MAXIMUM_STEPS} steps`, lineOf(node.pos));
  switch (node.type) {
    case 'Command':
      walkCommand(node, shell, lineOf);
      return;
    case 'Redirected':
      walkNode(node.command, shell, lineOf);
      return;
    case 'Pipeline': {
      const { isPiped } = shell;
      for (const [index, part] of node.commands.entries()) {
        shell.isPiped = isPiped || index < node.commands.length - 1;
        walkNode(part, shell, lineOf);
      }
      shell.isPiped = isPiped;
      return;
    }
    case 'AndOr':
      for (const part of node.commands) walkNode(part, shell, lineOf);
      return;
    case 'Function':
      shell.functions.set(node.name.value, node.body);
      return;
    case 'BraceGroup':
      walkStatements(node.body.commands, shell, lineOf);
      return;
    case 'Subshell':
      walkSubshell(node.body.commands, shell, lineOf);
      return;
    case 'If':
      walkStatements(node.clause.commands, shell, lineOf);
      walkBranch(node.then.commands, shell, lineOf);
      for (const { clause, then } of node.elif) walkBranch([...clause.commands, ...then.commands], shell, lineOf);
      if (node.else !== undefined) walkBranch(node.else.commands, shell, lineOf);
      return;
    case 'Case':
      for (const { body } of node.items) walkBranch(body.commands, shell, lineOf);
      return;
    case 'For':
    case 'Select': {
      const turns = (node.wordlist ?? []).flatMap((word) => expandWord(word, shell.variables, lineOf(word.pos)));
      const isFollowed = node.wordlist !== undefined && turns.length <= MAXIMUM_TURNS && node.type === 'For';
      for (const text of isFollowed ? turns.map((turn) => turn.text) : [null]) {
        shell.variables.set(node.name.value, text);
        walkStatements(node.body.commands, shell, lineOf);
      }
      return;
    }
    case 'While':
    case 'ArithmeticFor':
      walkBranch(node.body.commands, shell, lineOf);
      return;
    default:
      return;
  }
}

/** Reads statements in their order; nothing of them is run. */
export function walkStatements(statements: readonly Statement[], shell: Shell, lineOf: LineOf): void {
  for (const { command } of statements) walkNode(command, shell, lineOf);
}
