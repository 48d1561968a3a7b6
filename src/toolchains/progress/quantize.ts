import { flagValue, type ProgressReader, phaseOnly, readBar, readLayer } from './tool-progress.js';

/** Upstream's defaults of quantize.py. */
const DEFAULT = { samples: 512, batch: 1 } as const;

/**
 * quantize.py counts its batches from 0 and does not say how many there will be: that follows from its flags, and from AWQ's
 * limit, which it prints.
 */
export function quantizeProgress(argv: readonly string[]): ProgressReader {
  const batch = Number(flagValue(argv, '--batch_size') ?? DEFAULT.batch);
  let samples = Number(flagValue(argv, '--calib_size') ?? DEFAULT.samples);
  return (line) => {
    const limited = /^AWQ calibration could take longer .* Using calib_size=(\d+) instead/.exec(line)?.[1];
    if (limited !== undefined) samples = Number(limited);
    const calibrated = /^Calibrating batch (\d+)$/.exec(line)?.[1];
    if (calibrated !== undefined) {
      const done = Number(calibrated) + 1;
      const total = Math.ceil(samples / batch);
      return { phase: 'calibrating', done, total: total >= done ? total : null, unit: 'batches' };
    }
    if (line.startsWith('Initializing model from ')) return phaseOnly('loading the model');
    if (line === 'Loading calibration dataset') return phaseOnly('loading the calibration dataset');
    if (line === 'Starting quantization...') return phaseOnly('quantizing');
    if (line.startsWith('Quantization done.') || line.startsWith('No quantization applied'))
      return phaseOnly('exporting');
    return readLayer(line, 'quantizing') ?? readBar(line);
  };
}
