import { type ProgressReader, phaseOnly, readBar, readLayer, withoutPrefix } from './tool-progress.js';

/** trtllm-build says when it begins a network and when each rank's engine is done, and little of the time between. */
export const buildProgress = (): ProgressReader => {
  let engines = 0;
  return (printed) => {
    const line = withoutPrefix(printed);
    if (/^Total time of building all engines: /.test(line)) return phaseOnly('writing engines');
    if (/^Total time of building .+: \d+:\d+:\d+$/.test(line)) {
      engines += 1;
      return { phase: 'building', done: engines, total: null, unit: 'engines' };
    }
    if (/^Build TensorRT engine /.test(line)) return phaseOnly('building');
    if (/^Serializing engine to /.test(line)) return phaseOnly('writing engines');
    return readLayer(line, 'building', /^Building layer (\d+)\/(\d+)$/) ?? readBar(line);
  };
};
