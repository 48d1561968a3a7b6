import { arrayOf, setArray } from './arrays.js';
import { resolvePath } from './paths.js';
import { charge, type Shell } from './shell.js';
import type { ShellWord } from './words.js';

/** Where `pushd` came from, the last one last: an array like others, so branches and subshells have their own. */
const PUSHED = 'DIRSTACK';

function enter(shell: Shell, directory: string | null): void {
  shell.variables.set('OLDPWD', shell.directory);
  shell.directory = directory;
  shell.variables.set('PWD', directory);
}

/** `popd`, and `pushd` without a place: back to where the last `pushd` came from. */
function goBack(shell: Shell): void {
  const pushed = arrayOf(PUSHED, shell.variables);
  // The shell complains, and stays.
  if (pushed === undefined || pushed?.length === 0) return;
  setArray(PUSHED, pushed?.slice(0, -1) ?? null, shell.variables);
  enter(shell, pushed?.at(-1) ?? null);
}

function push(shell: Shell, directory: string | null, line: number): void {
  const pushed = arrayOf(PUSHED, shell.variables);
  const all = directory === null || pushed === null ? null : [...(pushed ?? []), directory];
  charge(shell, all ?? [], line);
  setArray(PUSHED, all, shell.variables);
}

/** `-` is where the shell was before; `+1` is a place in the stack of `pushd`, which is not counted here. */
function placeOf({ text }: ShellWord, shell: Shell): string | null {
  if (text === '-') return shell.variables.get('OLDPWD') ?? null;
  return text === null || /^\+\d+$/.test(text) ? null : resolvePath(text, shell.directory);
}

/** `cd`, `pushd` and `popd`, with what follows the name. */
export function changeDirectory(shell: Shell, { text: name, line }: ShellWord, words: readonly ShellWord[]): void {
  const { directory } = shell;
  const place = words.find(({ text }) => text === null || !/^-./.test(text));
  if (name === 'popd' || (name === 'pushd' && place === undefined)) goBack(shell);
  else enter(shell, place === undefined ? '~' : placeOf(place, shell));
  if (name === 'pushd') push(shell, directory, line);
}
