import type { Command } from 'unbash';
import type { ShellWord } from './words.js';

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

/** A script that a shell reads from a here-document, also in a container. */
function hereDocument(
  { redirects }: Command,
  words: readonly ShellWord[],
  lineOf: (position: number) => number,
): ShellWord | undefined {
  const document = redirects.findLast((one) => one.type === 'HereDoc');
  const index = words.findLastIndex(({ text }) => SHELLS.test(text ?? ''));
  if (document?.type !== 'HereDoc' || index === -1) return undefined;
  if (!words.slice(index + 1).every(({ text }) => /^-(?!c)/.test(text ?? ''))) return undefined;
  const { body } = document;
  return { text: body.text, source: '<<', line: lineOf(body.pos), why: null };
}

/** The scripts that a command hands to another shell. Their lines are counted from the word's. */
export const scriptsIn = (
  command: Command,
  words: readonly ShellWord[],
  lineOf: (position: number) => number,
): ShellWord[] => [innerScript(words), hereDocument(command, words, lineOf)].filter((script) => script !== undefined);
