import { expect, test } from 'vitest';
import { runMany } from '../support/many-pipelines/run-many.js';

test('pipelines that come all at once end as they should, one after the other on devices that are never leased twice', async () => {
  const { verdicts, wrongVerdicts, devices, line, toolRuns, left } = await runMany(12);
  expect(wrongVerdicts).toEqual([]);
  expect(verdicts).toEqual({ REJECTED: 6, INCONCLUSIVE: 6 });

  // What is everybody's is made once, whoever waits for it.
  expect(toolRuns).toEqual({
    'quantize.py': 12,
    'convert_checkpoint.py': 1,
    'trtllm-build': 13,
    'summarize.py': 13,
    'compare_engines.py': 12,
  });
  expect(devices).toMatchObject({ overlaps: [], wrongCounts: [] });
  expect(Object.keys(devices.busyShares)).toHaveLength(2);

  expect(line).toMatchObject({ violations: [], wrongPlaces: [] });
  expect(line.longest, 'who stood in the line at once').toBeGreaterThan(4);
  expect(line.grants + line.versions.missed, 'grants that were seen').toBeGreaterThanOrEqual(50);
  expect(left).toEqual([]);
}, 300_000);
