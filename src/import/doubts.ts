import type * as z from 'zod';
import { type Finding, type FindingCode, finding } from './findings.js';
import { type ToolCall, textOf } from './tool-call.js';

/** A field of the spec that does not say what the script says, and why. */
export interface Doubt {
  /** Keys down to the field. */
  path: readonly string[];
  /** What stands in the spec beside it. */
  comment: string;
  /** Null where the command line's own findings say it. */
  finding: Finding | null;
}

/** Whether a field below these keys says something else than the script. */
export const isDoubtful = (doubts: readonly Doubt[], ...keys: string[]): boolean =>
  doubts.some(({ path }) => keys.every((key, index) => path[index] === key));

export interface FieldOf<Value> {
  flag: string;
  path: readonly string[];
  /** Of the field. */
  schema: z.ZodType<Value | undefined>;
  /** What the spec says instead, as text; undefined: the field is left out. */
  instead: string;
  /** Of the finding about a value that the field cannot take. @default 'not-a-spec' */
  code?: FindingCode;
}

/**
 * Reads what a flag was given into a field of a spec.
 * @param read the value of the flag's text
 * @returns undefined where the script gives none, or none that the field takes: then there is a doubt
 */
export function readField<Value>(
  tool: ToolCall,
  { flag, path, schema, instead, code = 'not-a-spec' }: FieldOf<Value>,
  read: (text: string) => unknown,
  doubts: Doubt[],
): Value | undefined {
  const name = tool.flags.get(flag)?.names[0] ?? flag;
  const found = tool.given.get(name);
  const text = textOf(tool, flag);
  const where = `line ${found?.line ?? tool.call.line} gives ${found?.spelling ?? flag}`;
  if (text === null) {
    const word = found?.values[0];
    if (word !== undefined) {
      doubts.push({
        path,
        comment: `${where} ${word.source.slice(0, 60)}, which is not known; ${instead}`,
        finding: null,
      });
    }
    return undefined;
  }
  const parsed = schema.safeParse(read(text));
  if (parsed.success && parsed.data !== undefined) return parsed.data;
  if (found === undefined) return undefined;
  const isReported = tool.problems.some((problem) => problem.code === 'bad-value' && problem.field === found.spelling);
  const reason = parsed.success ? 'it says nothing' : (parsed.error.issues[0]?.message ?? 'it is refused');
  doubts.push({
    path,
    comment: `${where} ${text.slice(0, 60)}, which no spec can say; ${instead}`,
    finding: isReported
      ? null
      : finding(code, {
          line: found.line,
          field: found.spelling,
          message: `${found.spelling} ${text} is nothing that ${path.join('.')} can be: ${reason}`,
          fix: `Correct it: ${instead}.`,
        }),
  });
  return undefined;
}

/** The number that a text is; the text itself where it is none, for the schema to refuse. */
export const asNumber = (text: string): unknown => (/^[+-]?\d+(?:\.\d+)?$/.test(text) ? Number(text) : text);
