import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import { whyText } from '../../src/cli/why-text.js';
import type { StepExplanation } from '../../src/toolchains/explain-steps.js';

const step = (name: StepExplanation['name'], change: Partial<StepExplanation>): StepExplanation => ({
  name,
  state: 'run',
  key: null,
  digest: null,
  isGone: false,
  isRemade: false,
  nearest: null,
  incomparable: 0,
  ...change,
});

const samples = {
  component: 'parameter' as const,
  name: '--calib_size',
  old: '512',
  new: '256',
  step: null,
  because: [],
};
const nearest = { key: '3'.repeat(64), digest: '4'.repeat(64), madeAt: '2026-11-28T12:30:00.000Z' };

test('each step is a line, and what differs stands below it, followed to where it comes from', () => {
  const checkpoint = {
    component: 'input' as const,
    name: 'checkpoint',
    old: '7'.repeat(64),
    new: null,
    step: 'checkpoint' as const,
    because: [samples],
  };
  const coloured = whyText('tiny-0123', [
    step('model', { state: 'reuse' }),
    step('checkpoint', { nearest: { ...nearest, differences: [samples] } }),
    step('engine', { nearest: { ...nearest, differences: [checkpoint] } }),
    step('gate-1', { state: 'ran', isRemade: true, nearest: { ...nearest, differences: [samples] } }),
    step('serving-parameters', { isGone: true }),
    step('dataset', { incomparable: 3 }),
  ]);
  const text = stripVTControlCharacters(coloured);
  expect(text).toMatchInlineSnapshot(`
    "tiny-0123

      ↺ model                  reused
      ▶ checkpoint             would run: unlike 333333333333 of 2026-11-28 12:30
          parameter --calib_size: 512 → 256
      ▶ engine                 would run: unlike 333333333333 of 2026-11-28 12:30
          input checkpoint: 777777777777 → made anew by checkpoint
            parameter --calib_size: 512 → 256
      ✓ gate-1                 ran: it was to be made anew (resume --from)
      ▶ serving-parameters     would run: made once, now gone or in quarantine
      ▶ dataset                would run: nothing like it, but 3 from before 0.5"
  `);
  expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
});
