import pc from 'picocolors';
import type { Finding, FindingSeverity } from '../contracts/finding.js';
import { oneScreen } from './one-screen.js';

const colours: Record<FindingSeverity, (text: string) => string> = { error: pc.red, warning: pc.yellow, note: pc.dim };

/** A finding as a person reads it: which rule, where, what comes of it, and what to do. */
export function findingText({ code, severity, field, consequence, fix }: Finding): string {
  const text = oneScreen(`${severity}: ${field} [${code}]\n  ${consequence}.\n  Fix: ${fix}.`, '--json has all');
  return text.replace(severity, colours[severity](severity));
}
