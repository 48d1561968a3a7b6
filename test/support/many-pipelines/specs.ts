import type { PipelineResult } from '../../../src/contracts/pipeline.js';
import type { SpecInput } from '../../../src/contracts/spec.js';

const dataset = { repository: 'tiny/cnn_dailymail' };

/** Every fourth pipeline calibrates on both devices: one that waits for two stands in one line with those that want one. */
const gpusOfQuantize = (number: number): number => (number % 4 === 0 ? 2 : 1);

/**
 * A pipeline that no other one shares a candidate with, by the samples of its calibration; model, dataset and baseline are
 * everybody's, so that one makes each and the others wait for it. It ends at its gate: a Triton for each is not what is asked.
 * @param number from 1
 */
export const manySpec = (number: number): SpecInput => ({
  apiVersion: 'enginesmith/v1',
  name: `many-${number}`,
  model: { repository: 'tiny/llama' },
  quantization: {
    format: number % 2 === 0 ? 'int8_sq' : 'fp8',
    gpus: gpusOfQuantize(number),
    calibration: { dataset, samples: number, maxSequenceTokens: 128 },
  },
  build: { maxBatchSize: 2, maxInputTokens: 512, maxOutputTokens: 64 },
  gate: { dataset, articles: 8, maxInputTokens: 256, maxOutputTokens: 8, margin: { points: 50 } },
});

/** What the tiny programs write for its format: nothing right is worse than the margin; half of it is just as bad. */
export const expectedVerdict = (number: number): PipelineResult['verdict'] =>
  number % 2 === 0 ? 'INCONCLUSIVE' : 'REJECTED';

/** How many devices a step of a pipeline leases; 0 for what runs without. */
export function leasedDevices(activity: string, number: number): number {
  if (activity === 'convert') return 0;
  return activity === 'quantize' ? gpusOfQuantize(number) : 1;
}
