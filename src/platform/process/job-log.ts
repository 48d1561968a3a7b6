import { type FileHandle, open } from 'node:fs/promises';
import { stripVTControlCharacters } from 'node:util';
import { printable } from '../../contracts/printable.js';
import { ifPresent } from '../durable-files.js';
import { createLineSplitter, type LineSplitterOptions } from './log-lines.js';

const chunkBytes = 64 * 1024;
const maximumLineBytes = 4 * 1024;
const endBytes = 8 * 1024 * 1024;
const tail = { readBytes: chunkBytes, lines: 40, characters: 8 * 1024 } as const;

export interface LogFollower {
  /** Delivers every line that was written since. */
  poll(): Promise<void>;
  /** Delivers the rest, a last line without an end included. */
  finish(): Promise<void>;
  close(): Promise<void>;
}

/** Follows a log that another process appends to, from a byte offset on; the log may not exist yet. */
export function followLog(path: string, startOffset: number, onLine: LineSplitterOptions['onLine']): LogFollower {
  const splitter = createLineSplitter({ maximumLineBytes, startOffset, onLine });
  const buffer = Buffer.allocUnsafe(chunkBytes);
  let file: FileHandle | undefined;
  let offset = startOffset;

  async function poll() {
    file ??= await ifPresent(() => open(path, 'r'));
    if (file === undefined) return;
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, chunkBytes, offset);
      if (bytesRead === 0) break;
      offset += bytesRead;
      splitter.push(buffer.subarray(0, bytesRead));
    }
    splitter.flushProgress();
  }

  return {
    poll,
    async finish() {
      await poll();
      splitter.end();
    },
    async close() {
      await file?.close();
    },
  };
}

/** The end of a log as it was written, at most 8 MiB; empty when there is none. */
export async function readLogEnd(path: string): Promise<string> {
  const file = await ifPresent(() => open(path, 'r'));
  if (file === undefined) return '';
  try {
    const { size } = await file.stat();
    const start = Math.max(0, size - endBytes);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size - start), 0, size - start, start);
    const text = buffer.toString('utf8', 0, bytesRead);
    return start === 0 ? text : text.slice(text.indexOf('\n') + 1);
  } finally {
    await file.close();
  }
}

/**
 * The last lines of a log, at most 40 and 8 Ki characters: enough for a failure's message. What a terminal would obey is
 * taken out, and secrets are masked: it is shown as it is. Empty when there is no log.
 */
export async function readLogTail(path: string): Promise<string> {
  const file = await ifPresent(() => open(path, 'r'));
  if (file === undefined) return '';
  try {
    const { size } = await file.stat();
    const start = Math.max(0, size - tail.readBytes);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(tail.readBytes), 0, tail.readBytes, start);
    const lines: string[] = [];
    const onLine = (line: string) => lines.push(line);
    const splitter = createLineSplitter({ maximumLineBytes, startOffset: start, onLine });
    splitter.push(buffer.subarray(0, bytesRead));
    splitter.end();
    const whole = start > 0 && lines.length > 1 ? lines.slice(1) : lines;
    const text = whole.slice(-tail.lines).join('\n');
    return printable(stripVTControlCharacters(text)).slice(-tail.characters);
  } finally {
    await file.close();
  }
}
