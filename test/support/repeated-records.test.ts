import { expect, test } from 'vitest';
import { type MadeRecord, repeatedRecords } from './repeated-records.js';

const made = (key: string, from: number, to: number): MadeRecord => ({
  key,
  step: `step of ${key}`,
  startedAt: `2026-01-01T00:00:0${from}.000Z`,
  endedAt: `2026-01-01T00:00:0${to}.000Z`,
});
const completedAt = (second: number) => () => `2026-01-01T00:00:0${second}.000Z`;

test('what was made once, or by other steps, is no repetition', () => {
  expect(repeatedRecords([made('a', 1, 2), made('b', 1, 2)], completedAt(3))).toEqual([]);
});

test('what was complete and was made again is', () => {
  expect(repeatedRecords([made('a', 4, 5), made('a', 1, 2)], completedAt(3))).toEqual(['step of a']);
});

test('what two made at once is', () => {
  expect(repeatedRecords([made('a', 1, 4), made('a', 2, 5)], completedAt(6))).toEqual(['step of a']);
});

test('what an attempt had not completed when it was killed is not', () => {
  expect(repeatedRecords([made('a', 1, 2), made('a', 4, 5)], completedAt(6))).toEqual([]);
});
