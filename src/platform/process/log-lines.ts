const lineFeed = 0x0a;
const carriageReturn = 0x0d;

export interface LineSplitter {
  /** Takes the next bytes and delivers the lines that they complete. */
  push(bytes: Buffer): void;
  /** Delivers the newest finished state of a progress line (`\r` without `\n`) if it has changed. */
  flushProgress(): void;
  /** Delivers what stands without an end of line: the writer has ended. */
  end(): void;
}

export interface LineSplitterOptions {
  /** Longer lines are cut, with an ellipsis. */
  maximumLineBytes: number;
  /** Where in the log the first pushed byte stands. */
  startOffset: number;
  /** @param resumeOffset reading from there again delivers what follows this line, or a progress line as a whole */
  onLine(line: string, resumeOffset: number): void;
}

/**
 * Makes lines of a tool's output. Progress bars draw a line again and again with `\r`: of those states only the newest is
 * delivered at each `flushProgress`, and the last one as the line itself. Splits bytes, so characters stay whole.
 */
export function createLineSplitter({ maximumLineBytes, startOffset, onLine }: LineSplitterOptions): LineSplitter {
  let offset = startOffset;
  let lineStart = startOffset;
  let state: Buffer[] = [];
  let stateBytes = 0;
  let finishedState: string | undefined;
  let delivered: string | undefined;
  let afterReturn = false;

  const stateText = () => {
    const kept = Buffer.concat(state).subarray(0, maximumLineBytes).toString('utf8');
    return stateBytes > maximumLineBytes ? `${kept.replace(/\uFFFD$/, '')}…` : kept;
  };
  const clearState = () => {
    state = [];
    stateBytes = 0;
  };
  const append = (bytes: Buffer) => {
    if (bytes.length === 0) return;
    if (afterReturn) clearState();
    afterReturn = false;
    if (stateBytes <= maximumLineBytes) state.push(Buffer.from(bytes.subarray(0, maximumLineBytes)));
    stateBytes += bytes.length;
  };
  const finishLine = () => {
    const text = stateText();
    if (text !== delivered) onLine(text, offset);
    clearState();
    finishedState = undefined;
    delivered = undefined;
    afterReturn = false;
    lineStart = offset;
  };

  return {
    push(bytes) {
      let start = 0;
      for (let index = 0; index < bytes.length; index += 1) {
        const byte = bytes[index];
        if (byte !== lineFeed && byte !== carriageReturn) continue;
        append(bytes.subarray(start, index));
        offset += index + 1 - start;
        start = index + 1;
        if (byte === lineFeed) {
          finishLine();
        } else {
          if (stateBytes > 0) finishedState = stateText();
          afterReturn = true;
        }
      }
      append(bytes.subarray(start));
      offset += bytes.length - start;
    },
    flushProgress() {
      if (finishedState === undefined || finishedState === delivered) return;
      delivered = finishedState;
      onLine(finishedState, lineStart);
    },
    end() {
      if (stateBytes > 0) finishLine();
    },
  };
}
