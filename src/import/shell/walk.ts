import type {
  AndOr,
  Assignment,
  Command,
  CommandNode,
  Function as FunctionNode,
  PipelineNode,
  Statement,
  Word,
} from 'unbash';
import { arrayOf, setArray } from './arrays.js';
import { containerDirectory } from './containers.js';
import { changeDirectory } from './directories.js';
import { scriptsIn } from './inner-scripts.js';
import { lineCounter } from './lines.js';
import { parseShell } from './parse-shell.js';
import { resolvePath } from './paths.js';
import type { ShellCommand } from './read-commands.js';
import { charge, countStep, type Shell } from './shell.js';
import { expandValue, expandWord, type ShellWord } from './words.js';

type LineOf = (position: number) => number;

const MAXIMUM_TURNS = 64;
const MAXIMUM_CALLS = 8;

/** Words that are a function's arguments. */
const PASSED = /\$\{?[@*]/;

const TOO_DEEP = `there are more than ${MAXIMUM_CALLS} scripts and functions in each other`;

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
  if (name?.text === 'cd' || name?.text === 'pushd' || name?.text === 'popd') {
    changeDirectory(shell, name, first === undefined ? [] : [first, ...others]);
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
  for (const script of scriptsIn(command, words, lineOf)) walkText(script, words, shell);
}

/** The line of the call, where a function runs what it is given. */
const callLineOf = ({ name, args }: Command, { callLine }: Shell, line: number): number =>
  callLine !== null && [name, ...args].some((word) => word?.type === 'Word' && PASSED.test(word.text))
    ? callLine
    : line;

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

type State = Pick<Shell, 'variables' | 'directory'>;

const stateOf = ({ variables, directory }: Shell): State => ({ variables: new Map(variables), directory });

/** After one branch of several: what it has set is certain only where it was not set before, or to the same. */
function doubtChanges(shell: Shell, { variables, directory }: State): void {
  for (const [name, text] of variables) if (shell.variables.get(name) !== text) shell.variables.set(name, null);
  if (shell.directory !== directory) shell.directory = null;
}

function walkBranch(statements: readonly Statement[], shell: Shell, lineOf: LineOf): void {
  const before = stateOf(shell);
  walkStatements(statements, shell, lineOf);
  doubtChanges(shell, before);
}

/** Whether a command only asks something: any other is taken to succeed. */
function isTest(node: CommandNode | PipelineNode): boolean {
  if (node.type === 'Redirected') return isTest(node.command);
  if (node.type === 'Pipeline') return node.commands.every(isTest);
  if (node.type === 'Command') return node.name?.value === '[' || node.name?.value === 'test';
  return node.type === 'TestCommand' || node.type === 'ArithmeticCommand';
}

/** Reads `a && b || c`: what follows a test, and what stands behind `||`, is a branch as those of `if` are. */
function walkAndOr({ commands, operators }: AndOr, shell: Shell, lineOf: LineOf): void {
  // Before what only runs where a test says so; null where what is read is taken to be run.
  let before: State | null = null;
  for (const [index, command] of commands.entries()) {
    if (operators[index - 1] === '||') {
      if (before !== null) doubtChanges(shell, before);
      before = null;
      const state = stateOf(shell);
      walkNode(command, shell, lineOf);
      doubtChanges(shell, state);
    } else walkNode(command, shell, lineOf);
    if (isTest(command)) before ??= stateOf(shell);
  }
  if (before !== null) doubtChanges(shell, before);
}

function walkSubshell(statements: readonly Statement[], shell: Shell, lineOf: LineOf): void {
  const { variables, directory } = shell;
  shell.variables = new Map(variables);
  walkStatements(statements, shell, lineOf);
  shell.variables = variables;
  shell.directory = directory;
}

function walkNode(node: CommandNode | PipelineNode | Statement['command'], shell: Shell, lineOf: LineOf): void {
  countStep(shell, () => lineOf(node.pos));
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
      walkAndOr(node, shell, lineOf);
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
