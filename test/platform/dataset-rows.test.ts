import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readRows } from '../../src/platform/dataset-rows.js';

const parquet = fileURLToPath(new URL('../fixtures/datasets/parquet', import.meta.url));
const edge = fileURLToPath(new URL('../fixtures/datasets/edge', import.meta.url));
const articles = { kind: 'articles', split: 'test' } as const;

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dataset-'));
});
afterEach(() => rm(directory, { recursive: true }));

const readmeOf = (config: string, path: string) =>
  `---\nlanguage: [en]\nconfigs:\n  - config_name: ${config}\n    data_files:\n      - split: test\n        path: ${path}\n---\n# Rows\n`;

async function dataset(path: string, files: Record<string, string>): Promise<string> {
  const readme = readmeOf('3.0.0', path);
  for (const [name, content] of Object.entries({ 'README.md': readme, ...files }))
    await writeFile(join(directory, name), content);
  return directory;
}

const line = (article: string, highlights = 'A line.') =>
  `${JSON.stringify({ article, highlights, id: 'x', extra: 1 })}\n`;

test('reads rows across parquet files and row groups', async () => {
  expect(await readRows(parquet, { ...articles, rows: [4, 0, 2] })).toEqual([
    { row: 0, question: 'Article 0. Été.', reference: 'Line one of 0.\nLine two.' },
    { row: 2, question: 'Article 2. Été.', reference: 'Line one of 2.\nLine two.' },
    { row: 4, question: 'Article 4. Été.', reference: 'Line one of 4.\nLine two.' },
  ]);
});

test('reads JSON lines in the order of the file names, with separators that are no line breaks', async () => {
  const files = { 'b.jsonl': line('two'), 'a.jsonl': `${line('zero')}\n${line('one', 'x\u2028y').trimEnd()}` };
  const rows = await readRows(await dataset('"*.jsonl"', files), { ...articles, rows: [0, 1, 2] });
  expect(rows.map(({ question, reference }) => [question, reference])).toEqual([
    ['zero', 'A line.'],
    ['one', 'x\u2028y'],
    ['two', 'A line.'],
  ]);
});

/** SHA-1 of the article, and the highlights, of each row. */
const edgeRows = [
  ['1366d0d28dbca87fcb68d6ee03861f4dc6ac0fae', ''],
  [
    'b9dad11dbe7be0e870da11c96b65d0f3c4f759a1',
    '港町の図書館が閲覧室の時計を止めた。\n山谷小火车恢复运行。\n강변 시장이 밤까지 문을 연다.',
  ],
  [
    '0c10fe838488ee6b1f00073ef57e7d9522a502be',
    'The ferry has a sign in pictures 🚢.\nFamilies 👨\u200d👩\u200d👧\u200d👦 travel free.',
  ],
  ['b9fac86839e790247a811d4dc0ea1bde6627fbe3', 'A poem was read\u2028in three parts.\nNobody objected.'],
  ['bea444090938498e9590800546a965700965ddc7', 'A journal of 5,000 words has been read in one breath.'],
  ['80ccef7e59838b6a3582c43b4de59b55166975ab', '"No," she said.\n‘Single’ and “double” marks were used, and a \\ too.'],
  ['beceb8c574f6e308fef531eb384e39f3891fc8a7', '<p>The bridge is closed.</p>\nThe fare is 3 &lt; 4.'],
  ['bb50caa9fd042e660e70eaad454f62b3a27b9caf', 'أغلقت المكتبة أبوابها.\nהספרייה תיפתח שוב באביב.'],
  ['cde52680ed95b89ee3d96aefe7cded77c9d515cf', '144 233 377\n1e9'],
  ['57a5cc2c585b1138f6dc60ddd43ac0c1213bbd33', 'The tables cover a week.\r\nHigh water is at six on Monday.'],
] as const;

test('reads articles unharmed, whatever their script, length, markup and line ends', async () => {
  // the first chunk that a stream reads ends inside a character
  expect((await readFile(join(edge, 'test.jsonl'))).readUInt8(64 * 1024) & 0xc0).toBe(0x80);
  const rows = await readRows(edge, { ...articles, rows: edgeRows.map((_, row) => row) });
  const sha1 = (text: string) => createHash('sha1').update(text, 'utf8').digest('hex');
  expect(rows.map(({ question, reference }) => [sha1(question), reference])).toEqual(edgeRows);
});

test('reads prompts from the one configuration of their dataset, whatever its name', async () => {
  const files = {
    'README.md': readmeOf('prompts', 'test.jsonl'),
    'test.jsonl': `${JSON.stringify({ prompt: 'Say yes.', reference: 'Yes.' })}\n`,
  };
  const rows = await readRows(await dataset('test.jsonl', files), { kind: 'prompts', split: 'test', rows: [0] });
  expect(rows).toEqual([{ row: 0, question: 'Say yes.', reference: 'Yes.' }]);
});

test('reads no further than the last row that was asked for', async () => {
  const files = { 'test.jsonl': `${line('zero')}${line('one')}not JSON` };
  expect(await readRows(await dataset('test.jsonl', files), { ...articles, rows: [1] })).toHaveLength(1);
});

test.each([
  ['a row that does not exist', 'test.jsonl', { 'test.jsonl': line('zero') }, /has 1 rows, but 2 are needed/],
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
  await expect(readRows(await dataset(path, files), { ...articles, rows: [0, 1] })).rejects.toThrow(
    expect.objectContaining({ type: 'EvaluationInvalid', message: expect.stringMatching(message) }),
  );
});
