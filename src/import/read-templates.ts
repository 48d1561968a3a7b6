import { posix } from 'node:path';
import type { TemplateFill } from './course.js';
import type { ProgramCall } from './programs.js';
import { resolvePath } from './shell/paths.js';

export interface FillCall {
  fill: TemplateFill;
  repository: string;
  /** Substitutions that fill_template.py cannot split into a key and a value. */
  broken: readonly string[];
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

/** One call of fill_template.py; null where it is not said which file it fills. */
export function readFill(call: ProgramCall): FillCall | null {
  const positional = call.arguments.filter(({ text }) => text === null || !text.startsWith('-'));
  const [file, substitutions] = positional;
  const path = resolvePath(file?.text ?? null, call.directory);
  if (path === null || substitutions === undefined) return null;
  const model = posix.basename(posix.dirname(path));
  const { values, broken } =
    substitutions.text === null
      ? { values: knownKeys(substitutions.source), broken: [] }
      : splitSubstitutions(substitutions.text);
  return {
    fill: { call, model, values, line: substitutions.line },
    repository: posix.dirname(posix.dirname(path)),
    broken,
  };
}
