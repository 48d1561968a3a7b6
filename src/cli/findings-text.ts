import pc from 'picocolors';
import wrapAnsi from 'wrap-ansi';
import type { Finding, Severity } from '../import/findings.js';

const COLUMNS = 80;
const INDENT = '  ';

/** More than anybody reads; --json has all. */
const MAXIMUM_SHOWN = 200;

const colours: Record<Severity, (text: string) => string> = { error: pc.red, warning: pc.yellow, note: pc.dim };

const wrapped = (text: string, indent: string): string[] =>
  wrapAnsi(text, COLUMNS - indent.length, { hard: true })
    .split('\n')
    .map((line) => `${indent}${line}`);

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
