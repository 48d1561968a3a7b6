import { expect, test } from 'vitest';
import { progressText } from '../../src/cli/progress-text.js';

const calibrating = {
  phase: 'calibrating',
  done: 120,
  total: 512,
  unit: 'batches',
  ratePerSecond: 2.14,
  etaSeconds: 183,
};

test('progress is told in half a line, with what is known of it', () => {
  expect(progressText(calibrating)).toBe('calibrating, 120 of 512 batches, 2.1/s, 3 min left');
  expect(progressText({ ...calibrating, total: null, etaSeconds: null })).toBe('calibrating, 120 batches, 2.1/s');
  expect(progressText({ ...calibrating, ratePerSecond: null, etaSeconds: null })).toBe(
    'calibrating, 120 of 512 batches',
  );
  expect(progressText({ ...calibrating, unit: '', done: 0, total: null, ratePerSecond: null, etaSeconds: null })).toBe(
    'calibrating',
  );
});

test('bytes are told as disks count them', () => {
  const bytes = {
    phase: 'downloading',
    done: 1_500_000_000,
    total: 270e9,
    unit: 'bytes',
    ratePerSecond: 118e6,
    etaSeconds: 9_000,
  };
  expect(progressText(bytes)).toBe('downloading, 1.5 GB of 270.0 GB, 118.0 MB/s, 2.5 h left');
  expect(progressText({ ...bytes, done: 0 })).toMatch(/^downloading, 0 B of/);
});
