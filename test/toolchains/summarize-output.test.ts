import { expect, test } from 'vitest';
import { parseSummaries, parseSummarizeLog } from '../../src/toolchains/summarize-output.js';

const header = 'Engine path: /engines/a\nTokenizer path: /models/a\n';

test('reads texts by row, with their own line breaks, separators and look-alikes', () => {
  const file = `${header}[0] [Beam 0] First line.\nSecond line.\n[1] [Beam 0]  \r[7] [Beam 0] not a header\u2028x\n\n[12] [Beam 0] \n`;
  expect(parseSummaries(file)).toEqual([
    { row: 0, text: 'First line.\nSecond line.' },
    { row: 1, text: ' \r[7] [Beam 0] not a header\u2028x\n' },
    { row: 12, text: '' },
  ]);
});

test.each([
  ['a file of headers only', header],
  ['a second beam', `${header}[0] [Beam 0] a\n[0] [Beam 1] b\n`],
  ['a row that comes twice', `${header}[0] [Beam 0] a\n[0] [Beam 0] b\n`],
])('refuses %s', (_, file) => {
  expect(() => parseSummaries(file)).toThrow(expect.objectContaining({ type: 'ToolOutputInvalid' }));
});

test('names the file of the side that it reads', () => {
  expect(() => parseSummaries(header, 'huggingface')).toThrow('hf.out of summarize.py');
});

const line = (message: string) => `[06/11/2024-10:30:01] [TRT-LLM] [I] ${message}`;
const scores = (values: number[]) =>
  ['rouge1', 'rouge2', 'rougeL', 'rougeLsum'].map((metric, index) => line(`  ${metric} : ${values[index]}`));
const log = [
  '[TensorRT-LLM] TensorRT-LLM version: 0.10.0',
  line('Load tokenizer takes: 0.1 sec'),
  line('TensorRT-LLM (total latency: 12.5 sec)'),
  line('TensorRT-LLM (total output tokens: 1600)'),
  line('TensorRT-LLM (tokens per second: 128.0)'),
  line('TensorRT-LLM beam 0 result'),
  ...scores([44.4, 20.5, 35.25, 40.9]),
  line('  Per-token perplexity: 27.3'),
];

test('reads scores and perplexity', () => {
  expect(parseSummarizeLog(log.join('\n'))).toEqual({
    scores: { rouge1: 44.4, rouge2: 20.5, rougeL: 35.25, rougeLsum: 40.9 },
    perplexity: 27.3,
  });
});

test('does not take the Hugging Face side’s scores for the engine’s', () => {
  const both = [...log, line('Hugging Face (total latency: 1 sec)'), line('HF beam 0 result'), ...scores([1, 2, 3, 4])];
  expect(parseSummarizeLog(both.join('\r\n'))).toEqual(parseSummarizeLog(log.join('\n')));
});

test('reads the Hugging Face side where that was asked', () => {
  const both = [...log, line('HF beam 0 result'), ...scores([1, 2, 3, 4])];
  expect(parseSummarizeLog(both.join('\n'), 'huggingface')).toEqual({
    scores: { rouge1: 1, rouge2: 2, rougeL: 3, rougeLsum: 4 },
    perplexity: null,
  });
});

test.each(['rougeLsum', 'beam 0 result'])('refuses a log without "%s"', (part) => {
  const cut = log.filter((each) => !each.includes(part)).join('\n');
  expect(() => parseSummarizeLog(cut)).toThrow(expect.objectContaining({ type: 'ToolOutputInvalid' }));
});
