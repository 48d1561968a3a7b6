import { expect, test } from 'vitest';
import { createLineSplitter } from '../../../src/platform/process/log-lines.js';

function split(chunks: string[], { startOffset = 0, maximumLineBytes = 100 } = {}): [string, number][] {
  const lines: [string, number][] = [];
  const splitter = createLineSplitter({
    startOffset,
    maximumLineBytes,
    onLine: (line, offset) => lines.push([line, offset]),
  });
  for (const chunk of chunks) {
    splitter.push(Buffer.from(chunk, 'latin1'));
    splitter.flushProgress();
  }
  splitter.end();
  return lines;
}

test('lines come whole, however the bytes arrive, with the offset after them', () => {
  expect(split(['a', 'b\nc\n\nd'], { startOffset: 10 })).toEqual([
    ['ab', 13],
    ['c', 15],
    ['', 16],
    ['d', 17],
  ]);
  expect(split(['same\nsame\n']).map(([line]) => line)).toEqual(['same', 'same']);
  expect(split(['dos\r', '\nunix\n']).map(([line]) => line)).toEqual(['dos', 'unix']);
});

test('a character that is cut between two reads stays whole', () => {
  const text = Buffer.from('模型\n').toString('latin1');
  expect(split([text.slice(0, 2), text.slice(2)])).toEqual([['模型', 7]]);
});

test('of a progress line the newest finished state is delivered once a read, and the last as the line', () => {
  const lines = split(['start\n', '\r 1%\r 2%', '\r 3%\r', '', ' 4%\r100%\nend\n']);
  expect(lines).toEqual([
    ['start', 6],
    [' 1%', 6],
    [' 3%', 6],
    ['100%', 28],
    ['end', 32],
  ]);
});

test('a line without end is cut, and costs no more memory than its limit', () => {
  const lines = split([...Array.from({ length: 1000 }, () => 'x'.repeat(64)), '\nnext\n'], { maximumLineBytes: 100 });
  expect(lines).toEqual([
    [`${'x'.repeat(100)}…`, 64_001],
    ['next', 64_006],
  ]);
});
