import { posix } from 'node:path';
import type { TemplateFill } from './course.js';
import type { ProgramCall } from './programs.js';
import { resolvePath } from './shell/paths.js';
import type { ShellWord } from './shell/words.js';

export interface FillCall {
  fill: TemplateFill;
  repository: string;
  /** Substitutions that fill_template.py cannot split into a key and a value. */
  broken: readonly string[];
  /** Whether the file itself is filled: with `-i`, or with the output sent where a config.pbtxt is. */
  isKept: boolean;
  /** What stands behind the substitutions, which the program refuses. */
  strays: readonly ShellWord[];
}

/** fill_template.py up to v0.13 splits at every `,`, and each part at every `:`. */
function splitSubstitutions(text: string): { values: Map<string, string>; broken: string[] } {
  const parts = text.split(',').map((part) => part.split(':'));
  const whole = parts.filter((part) => part.length === 2);
  return {
    values: new Map(whole.map(([key = '', value = '']) => [key, value])),
    broken: parts.filter((part) => part.length !== 2).map((part) => part.join(':')),
  };
}

/** Keys of substitutions of which only a part is known: those before and between what only running would tell. */
function knownKeys(source: string): Map<string, null> {
  return new Map([...source.matchAll(/(?:^|,)["']?(\w+):/g)].map(([, key = '']) => [key, null]));
}

const IN_PLACE = /^(?:-i|--in_place)$/;

/** One call of fill_template.py; null where it is not said which file it fills. */
export function readFill(call: ProgramCall): FillCall | null {
  const positional = call.arguments.filter(({ text }) => text === null || !text.startsWith('-'));
  const [file, substitutions, ...strays] = positional;
  const source = resolvePath(file?.text ?? null, call.directory);
  const isInPlace = call.arguments.some(({ text }) => IN_PLACE.test(text ?? ''));
  const output = isInPlace || call.output === null ? null : resolvePath(call.output, call.directory);
  const path = output ?? source;
  if (path === null || substitutions === undefined) return null;
  const model = posix.basename(posix.dirname(path));
  const { values, broken } =
    substitutions.text === null
      ? { values: knownKeys(substitutions.source), broken: [] }
      : // What further words say is meant, too.
        splitSubstitutions([substitutions, ...strays].flatMap(({ text }) => text ?? []).join(','));
  return {
    fill: { call, model, values, line: substitutions.line, ignored: new Map() },
    repository: posix.dirname(posix.dirname(path)),
    broken,
    isKept: isInPlace || call.isRedirected,
    strays,
  };
}

/** Placeholders that `sed -i 's#${key}#value#' …/config.pbtxt` fills; null where it does something else. */
export function readSed(call: ProgramCall): { fill: TemplateFill; repository: string } | null {
  const texts = call.arguments.map(({ text }) => text ?? '');
  const file = texts.findLast((text) => text.endsWith('config.pbtxt'));
  const path = resolvePath(file ?? null, call.directory);
  if (path === null || !texts.some((text) => /^(?:-[a-zA-Z]*i|--in-place)/.test(text))) return null;
  const values = new Map<string, string>();
  for (const text of texts) {
    for (const [, , key = '', value = ''] of text.matchAll(/s(.)\\?\$\\?\{(\w+)\\?\}\1(.*?)\1/g))
      values.set(key, value);
  }
  if (values.size === 0) return null;
  const model = posix.basename(posix.dirname(path));
  const fill = { call, model, values, line: call.line, ignored: new Map<string, string>() };
  return { fill, repository: posix.dirname(posix.dirname(path)) };
}
