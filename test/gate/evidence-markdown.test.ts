import { expect, test } from 'vitest';
import { evaluateGate } from '../../src/gate/evaluate.js';
import { escapeTableCell, renderEvidenceMarkdown } from '../../src/gate/evidence-markdown.js';
import { intervalBar } from '../../src/gate/interval-bar.js';

const references = [0, 1, 2, 3, 4, 5].map((row) => ({
  row,
  highlights: `The mayor of town ${row} opened the new bridge.`,
}));
const baseline = references.map(({ row, highlights }) => ({ row, text: highlights }));
const candidate = references.map(({ row }) => ({
  row,
  text: `The mayor | ${'spoke '.repeat(row)}.\n<b>Town ${row}</b> has \`one\` bridge.`,
}));
const policy = { metric: 'rougeLsum', margin: { kind: 'share', value: 0.1 }, alpha: 0.05 } as const;
const printedScores = { baseline: { rouge1: 100, rouge2: 100, rougeL: 100, rougeLsum: 99.8 } };
const page = renderEvidenceMarkdown(evaluateGate({ baseline, candidate, references, policy, printedScores }));

test('renders the whole page of a rejected candidate', () => {
  expect(page).toMatchSnapshot();
});

test('keeps every table row on one line with its number of cells', () => {
  const tables = page.split('\n').filter((line) => line.startsWith('|'));
  const cells = (line: string) => line.split(/(?<!\\)\|/).length - 2;
  expect(tables.map(cells).every((count) => [2, 4, 5].includes(count))).toBe(true);
  expect(page).toContain('&lt;b&gt;Town 1&lt;/b&gt; has \\`one\\` bridge.');
});

test('escapes what Markdown, HTML and terminals could act on', () => {
  expect(escapeTableCell('a|b\n[x](javascript:1) \u001b[31m &amp;')).toBe(
    'a\\|b<br>\\[x\\]\\(javascript\\:1\\) �\\[31m &amp;amp;',
  );
  expect(escapeTableCell('')).toBe('(empty)');
  expect(escapeTableCell('é'.repeat(1000))).toBe(`${'é'.repeat(700)} …`);
});

test('draws the interval to scale against the margin', () => {
  const decision = { articles: 16, alpha: 0.05, marginPoints: 4, standardDeviation: 4, verdict: 'PASS' } as const;
  expect(intervalBar({ ...decision, meanDifference: -1, lowerBound: -3, upperBound: 1 })).toBe(
    [
      '╎           ├───────────────────────●───────────────────────┤',
      '╎                                               0',
    ].join('\n'),
  );
});
