import { expect, test } from 'vitest';
import { parseRunOutput } from '../../src/toolchains/run-output.js';

const header = '[TensorRT-LLM] TensorRT-LLM version: 0.10.0\n';

test('reads answers with quotes, line breaks and headers that are not theirs', () => {
  const log = [
    `${header}Input [Text 0]: "Say "hi"\nthere"`,
    'Output [Text 0 Beam 0]: "He said: "hi".\n\nOutput [Text 9 Beam 0]: no"',
    'Input [Text 1]: "Bye"',
    'Output [Text 1 Beam 0]: ""',
  ].join('\n');
  expect(parseRunOutput(log, 2)).toEqual(['He said: "hi".\n\nOutput [Text 9 Beam 0]: no', '']);
});

test.each([
  ['nothing', header, 1],
  ['an answer too few', `${header}Input [Text 0]: "a"\nInput [Text 1]: "b"\nOutput [Text 1 Beam 0]: "x"`, 2],
  ['an input too many', `${header}Input [Text 0]: "a"\nOutput [Text 0 Beam 0]: "x"\nInput [Text 1]: "b"`, 1],
  [
    'an input twice',
    `${header}Input [Text 0]: "a"\nOutput [Text 0 Beam 0]: "x"\nInput [Text 0]: "b"\nOutput [Text 0 Beam 0]: "y"`,
    2,
  ],
])('refuses a log with %s', (_, log, inputs) => {
  expect(() => parseRunOutput(log, inputs)).toThrow(expect.objectContaining({ type: 'ToolOutputInvalid' }));
});
