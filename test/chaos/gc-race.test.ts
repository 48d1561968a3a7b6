import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { race } from '../support/gc-race/race.js';

test('collectors that run all the time, and are killed, take nothing that a pipeline uses', {
  timeout: 120_000,
}, async () => {
  const home = await mkdtemp(join(tmpdir(), 'enginesmith-gc-'));
  onTestFinished(() => rm(home, { recursive: true, force: true }));
  const result = await race({
    ...{ home, workers: 3, pipelinesPerWorker: 4, collectors: 2, specs: 6 },
    ...{ durationMs: 25_000, killEveryMs: 2_000 },
  });
  expect({ violations: result.violations, corrupt: result.corrupt, left: result.left }).toEqual({
    violations: [],
    corrupt: [],
    left: 0,
  });
  // They did meet: things were removed while others were found, and all of it went on.
  expect(result.pipelines).toBeGreaterThan(20);
  expect(result.hits).toBeGreaterThan(20);
  expect(result.removed).toBeGreaterThan(20);
  expect(result.made).toBeGreaterThan(20);
  expect(result.killed).toBeGreaterThan(5);
});
