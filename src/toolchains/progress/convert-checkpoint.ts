import { type ProgressReader, phaseOnly, readBar, readLayer } from './tool-progress.js';

/** convert_checkpoint.py prints its release first, the bars of transformers while it loads, and its whole time at the end. */
export const convertProgress = (): ProgressReader => (line) => {
  if (/^\d+\.\d+\.\d+\S*$/.test(line)) return phaseOnly('converting');
  return readLayer(line, 'converting') ?? readBar(line);
};
