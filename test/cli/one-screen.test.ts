import { expect, test } from 'vitest';
import { oneScreen } from '../../src/cli/one-screen.js';

test('a message that fits is left as it is', () => {
  const message = 'spec.yaml is not a valid spec:\n  name: is required\nCorrect it.';
  expect(oneScreen(message, '--json has all')).toBe(message);
});

test('a long line is wrapped at words, further in than it began', () => {
  expect(oneScreen(`  field: ${'word '.repeat(30)}`, '').split('\n')).toEqual([
    `  field: ${'word '.repeat(13).trim()}`,
    `    ${'word '.repeat(15).trim()}`,
    '    word word',
  ]);
});

test('of a message that is longer than a screen, its beginning and the end of its log are shown', () => {
  const log = Array.from({ length: 40 }, (_, index) => `line ${index} ${'x'.repeat(index * 10)}`);
  const shown = oneScreen(['build exited with code 1. The end of its log:', ...log].join('\n'), '--json has all');
  const lines = shown.split('\n');
  expect(lines.length).toBeLessThanOrEqual(22);
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
  expect(lines[0]).toBe('build exited with code 1. The end of its log:');
  expect(shown).toMatch(/… \d+ lines are left out; --json has all/);
  expect(lines.at(-1)).toMatch(/^ {2}x+$/);
});
