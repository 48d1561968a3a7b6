import { open } from 'node:fs/promises';
import { ifPresent } from '../durable-files.js';
import { createLineSplitter } from '../process/log-lines.js';
import { attemptFiles, segmentOffsets } from './attempt-logs.js';

const maximumLineBytes = 64 * 1024;
const chunkBytes = 64 * 1024;

/** Reads the log of an attempt from the store, from its beginning, while it is written or later. */
export interface LogReader {
  /** Delivers every line that is there and was not delivered. */
  poll(): Promise<void>;
  /** Delivers a last line without an end: nothing more will come. */
  finish(): Promise<void>;
}

/** @param onLine called for each line, and for each gap where a flood was left out, with a line that says so */
export function createLogReader(directory: string, onLine: (line: string) => void): LogReader {
  let offset = 0;
  const splitterFrom = (startOffset: number) =>
    createLineSplitter({ maximumLineBytes, startOffset, onLine: (line) => onLine(line) });
  let splitter = splitterFrom(0);

  /** Reads what one segment has from `offset` on. @returns false when it has nothing */
  const readSegment = async (start: number): Promise<boolean> => {
    const file = await ifPresent(() => open(attemptFiles(directory).segment(start), 'r'));
    if (file === undefined) return false;
    try {
      const buffer = Buffer.allocUnsafe(chunkBytes);
      const before = offset;
      for (;;) {
        const { bytesRead } = await file.read(buffer, 0, chunkBytes, offset - start);
        if (bytesRead === 0) return offset > before;
        offset += bytesRead;
        splitter.push(buffer.subarray(0, bytesRead));
      }
    } finally {
      await file.close();
    }
  };

  const poll = async (): Promise<void> => {
    for (;;) {
      const starts = await segmentOffsets(directory);
      const current = starts.findLast((start) => start <= offset);
      if (current !== undefined && (await readSegment(current))) continue;
      const next = starts.find((start) => start > offset);
      if (next === undefined) break;
      splitter.end();
      onLine(`[… ${next - offset} bytes of this log were not kept …]`);
      offset = next;
      splitter = splitterFrom(next);
    }
    splitter.flushProgress();
  };

  return {
    poll,
    async finish() {
      await poll();
      splitter.end();
    },
  };
}
