import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { type RaceResult, race } from '../support/gc-race/race.js';

/** They have met: things were removed while others were found and made, and both sides were killed at it. */
const haveMet = ({ pipelines, hits, made, removed, spared, killed }: RaceResult): boolean =>
  pipelines >= 20 && hits >= 20 && made >= 20 && removed >= 20 && spared >= 3 && killed >= 4;

test('collectors that run all the time, and are killed, take nothing that a pipeline uses', async () => {
  const home = await mkdtemp(join(tmpdir(), 'enginesmith-gc-'));
  onTestFinished(() => rm(home, { recursive: true, force: true }));
  const result = await race({
    ...{ home, workers: 3, pipelinesPerWorker: 4, collectors: 2, specs: 6, killEveryMs: 2_000, atMostMs: 240_000 },
    isEnough: haveMet,
  });
  expect(result).toMatchObject({ violations: [], corrupt: [], left: 0 });
  expect(result).toSatisfy(haveMet);
}, 300_000);
