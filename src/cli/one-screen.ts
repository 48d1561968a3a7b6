import wrapAnsi from 'wrap-ansi';

/** What every terminal shows at once, less the lines of the prompt. */
const COLUMNS = 80;
const LINES = 22;

/** Of a text that is longer: its beginning says what is wrong, its end has a tool's last words. */
const KEPT_AT_START = 7;
const KEPT_AT_END = LINES - KEPT_AT_START - 1;

/** Wraps one line, its continuation indented by two more than itself. */
function wrapLine(line: string): string[] {
  const indent = /^ */.exec(line)?.[0] ?? '';
  const hanging = `${indent}  `;
  const [first = '', ...rest] = wrapAnsi(line, COLUMNS - hanging.length, { hard: true, trim: false }).split('\n');
  return [first.trimEnd(), ...rest.map((part) => `${hanging}${part.trim()}`)];
}

/**
 * A message as a person reads it in a terminal of 80 × 24: wrapped, and where it is longer than a screen, without its middle.
 * @param whole where all of it is found
 */
export function oneScreen(message: string, whole: string): string {
  const lines = message.split('\n').flatMap(wrapLine);
  if (lines.length <= LINES) return lines.join('\n');
  const leftOut = lines.length - KEPT_AT_START - KEPT_AT_END;
  return [
    ...lines.slice(0, KEPT_AT_START),
    `  … ${leftOut} lines are left out; ${whole}`,
    ...lines.slice(-KEPT_AT_END),
  ].join('\n');
}
