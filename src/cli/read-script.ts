import { createReadStream } from 'node:fs';
import { extname } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { EnginesmithFailure } from '../contracts/failures.js';
import { printable } from '../contracts/printable.js';

export interface Script {
  /** With `\n` at the end of every line, whatever the file has. */
  text: string;
  kind: 'script' | 'markdown';
}

/** Ten times the longest page of commands that people write. */
const MAXIMUM_BYTES = 512 * 1024;

const MARKDOWN = new Set(['.md', '.markdown', '.mdown', '.mkd']);

const LINE_FEED = 0x0a;

/** The line of a file, counted from 1, in which a byte stands. */
function lineAt(content: Buffer, position: number): number {
  let line = 1;
  for (let at = content.indexOf(LINE_FEED); at !== -1 && at < position; at = content.indexOf(LINE_FEED, at + 1))
    line += 1;
  return line;
}

function firstUndecodableLine(content: Buffer): number {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let line = 1;
  for (let start = 0; start < content.length; line += 1) {
    const found = content.indexOf(LINE_FEED, start);
    const end = found === -1 ? content.length : found + 1;
    try {
      decoder.decode(content.subarray(start, end));
    } catch {
      return line;
    }
    start = end;
  }
  return line;
}

/**
 * Reads a shell script, or a Markdown page, which its name tells apart.
 * @throws EnginesmithFailure `InvalidSpec` for what is no text, or is too large, naming the line
 */
export async function readScript(file: string): Promise<Script> {
  // `end` is inclusive: one byte more than allowed tells a file that is too large, however large it is.
  const content = await buffer(createReadStream(file, { end: MAXIMUM_BYTES })).catch((cause: unknown) => {
    const isMissing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
    throw refused(file, `cannot be read: ${isMissing ? 'it does not exist' : `${cause}`}`, { cause });
  });
  if (content.length > MAXIMUM_BYTES) {
    throw refused(file, 'is larger than 512 KiB: import the part that has the commands');
  }
  const nul = content.indexOf(0);
  if (nul !== -1) {
    const line = lineAt(content, nul);
    throw refused(file, `has a NUL byte in line ${line}: it is no shell script and no Markdown`, { line });
  }
  return {
    text: decode(file, content).replaceAll(/\r\n?/g, '\n'),
    kind: MARKDOWN.has(extname(file).toLowerCase()) ? 'markdown' : 'script',
  };
}

function decode(file: string, content: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(content);
  } catch (cause) {
    const line = firstUndecodableLine(content);
    throw refused(file, `is not UTF-8 text: line ${line} has other bytes`, { line, cause });
  }
}

const refused = (file: string, problem: string, { line, cause }: { line?: number; cause?: unknown } = {}) =>
  new EnginesmithFailure('InvalidSpec', `${printable(file)} ${printable(problem)}`, {
    cause,
    context: { origin: file, ...(line === undefined ? {} : { line }) },
  });
