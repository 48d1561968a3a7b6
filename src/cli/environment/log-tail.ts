import { readFileSync } from 'node:fs';

const LINES = 15;
const LINE_CHARACTERS = 400;

/** The end of a log file, small enough for an error message. */
export const logTail = (file: string): string =>
  readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .slice(-LINES)
    .map((line) => `  ${line.slice(0, LINE_CHARACTERS)}`)
    .join('\n');
