import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readReferences } from '../../src/platform/dataset-rows.js';

const parquet = fileURLToPath(new URL('../fixtures/datasets/parquet', import.meta.url));
const options = { split: 'test', config: '3.0.0' };

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dataset-'));
});
afterEach(() => rm(directory, { recursive: true }));

async function dataset(path: string, files: Record<string, string>): Promise<string> {
  const readme = `---\nlanguage: [en]\nconfigs:\n  - config_name: 3.0.0\n    data_files:\n      - split: test\n        path: ${path}\n---\n# Rows\n`;
  for (const [name, content] of Object.entries({ 'README.md': readme, ...files }))
    await writeFile(join(directory, name), content);
  return directory;
}

const line = (id: string, highlights = 'A line.') =>
  `${JSON.stringify({ article: 'Text.', highlights, id, extra: 1 })}\n`;

test('reads rows across parquet files and row groups', async () => {
  expect(await readReferences(parquet, { ...options, rows: [4, 0, 2] })).toEqual([
    { row: 0, article: 'Article 0. Été.', highlights: 'Line one of 0.\nLine two.', id: 'id0' },
    { row: 2, article: 'Article 2. Été.', highlights: 'Line one of 2.\nLine two.', id: 'id2' },
    { row: 4, article: 'Article 4. Été.', highlights: 'Line one of 4.\nLine two.', id: 'id4' },
  ]);
});

test('reads JSON lines in the order of the file names, with separators that are no line breaks', async () => {
  const files = { 'b.jsonl': line('two'), 'a.jsonl': `${line('zero')}\n${line('one', 'x\u2028y').trimEnd()}` };
  const rows = await readReferences(await dataset('"*.jsonl"', files), { ...options, rows: [0, 1, 2] });
  expect(rows.map(({ id, highlights }) => [id, highlights])).toEqual([
    ['zero', 'A line.'],
    ['one', 'x\u2028y'],
    ['two', 'A line.'],
  ]);
});

test('reads no further than the last row that was asked for', async () => {
  const files = { 'test.jsonl': `${line('zero')}${line('one')}not JSON` };
  expect(await readReferences(await dataset('test.jsonl', files), { ...options, rows: [1] })).toHaveLength(1);
});

test.each([
  ['a row that does not exist', 'test.jsonl', { 'test.jsonl': line('zero') }, /has 1 rows, but row 1/],
  ['a line that is no JSON', 'test.jsonl', { 'test.jsonl': 'nonsense\n' }, /no JSON/],
  [
    'a row without highlights',
    'test.jsonl',
    { 'test.jsonl': `${line('zero')}{"article":"a","id":"b"}\n` },
    /row 1 .*highlights/s,
  ],
  ['a pattern that matches nothing', '../*', { 'test.jsonl': line('zero') }, /no file matches/],
  ['a format that it cannot read', 'test.csv', { 'test.csv': 'a,b' }, /expected one of \.jsonl, \.parquet/],
  [
    'a file that is no parquet',
    'test.parquet',
    { 'test.parquet': 'PAR1 and then nothing' },
    /cannot be read as parquet/,
  ],
  [
    'a split that is not declared',
    'test.jsonl',
    { 'README.md': '---\nconfigs: []\n---\n' },
    /declares no split "test"/,
  ],
  ['front matter that is no YAML', 'test.jsonl', { 'README.md': '---\na: [\n---\n' }, /no YAML/],
])('refuses %s', async (_, path, files: Record<string, string>, message) => {
  await expect(readReferences(await dataset(path, files), { ...options, rows: [0, 1] })).rejects.toThrow(
    expect.objectContaining({ type: 'EvaluationInvalid', message: expect.stringMatching(message) }),
  );
});
