import pc from 'picocolors';
import wrapAnsi from 'wrap-ansi';
import type { Finding, Severity } from '../import/findings.js';

const COLUMNS = 80;
const INDENT = '  ';

/** More than anybody reads; --json has all. */
const MAXIMUM_SHOWN = 200;

const colours: Record<Severity, (text: string) => string> = { error: pc.red, warning: pc.yellow, note: pc.dim };

/** Text of one column a character, which breaks at its blanks. wrap-ansi needs ten times as long: it measures each word. */
function wrapPlain(text: string, columns: number): string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? '';
    if (line === '') lines[lines.length - 1] = word;
    else if (line.length + 1 + word.length <= columns) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines;
}

const isPlain = (text: string, columns: number): boolean =>
  /^[\x20-\x7e]*$/.test(text) && text.split(' ').every((word) => word.length <= columns);

function wrapped(text: string, indent: string): string[] {
  const columns = COLUMNS - indent.length;
  const lines = isPlain(text, columns) ? wrapPlain(text, columns) : wrapAnsi(text, columns, { hard: true }).split('\n');
  return lines.map((line) => `${indent}${line}`);
}

const counted = (count: number, word: string): string => `${count} ${word}${count === 1 ? '' : 's'}`;

function described({ severity, code, message, fix }: Finding): string[] {
  const title = `${INDENT}${colours[severity](severity)} ${code}`;
  return [title, ...wrapped(message, `${INDENT}${INDENT}`), ...wrapped(`fix: ${fix}`, `${INDENT}${INDENT}`)];
}

/** Findings by line, in 80 columns, with their count at the end; empty where there are none. */
export function findingsText(findings: readonly Finding[]): string {
  if (findings.length === 0) return '';
  const shown = findings.slice(0, MAXIMUM_SHOWN);
  const lines = [...new Set(shown.map(({ line }) => line))].flatMap((line) => [
    `line ${line}`,
    ...shown.filter((found) => found.line === line).flatMap(described),
  ]);
  const left = findings.length - shown.length;
  const of = (severity: Severity): number => findings.filter((found) => found.severity === severity).length;
  return [
    ...lines,
    ...(left === 0 ? [] : [`… and ${left} more; --json has all`]),
    '',
    `${counted(of('error'), 'error')}, ${counted(of('warning'), 'warning')}, ${counted(of('note'), 'note')}`,
  ].join('\n');
}
