import type { ShellWord } from './words.js';

const WORKING_DIRECTORY = /^(?:-w|--workdir)(?:=(.*))?$/;

/** Where `docker run` starts a program; null where it does not say. */
export function containerDirectory(words: readonly ShellWord[]): string | null {
  const index = words.findIndex(({ text }) => WORKING_DIRECTORY.test(text ?? ''));
  if (index === -1) return null;
  return WORKING_DIRECTORY.exec(words[index]?.text ?? '')?.[1] ?? words[index + 1]?.text ?? null;
}
