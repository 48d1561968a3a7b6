import { EnginesmithFailure } from '../contracts/failures.js';

/**
 * What `qwenvl/vit_onnx_trt.py` prints of its engine (v0.9 to v0.13). That it says `Succeeded parsing` means nothing: it does so
 * after a failure, too.
 * @returns seconds that the engine took
 * @throws EnginesmithFailure `ToolOutputInvalid` where it was not built
 */
export function parseVisionBuild(log: string): number {
  const seconds = /^Succeeded building \S.* in (?<seconds>[\d.]+) s$/m.exec(log)?.groups?.seconds;
  if (seconds !== undefined) return Number(seconds);
  const failed = /^Failed building (?<plan>\S.*)$/m.exec(log)?.groups?.plan;
  const problem = failed === undefined ? 'says nothing of an engine' : `failed to build ${failed}`;
  throw new EnginesmithFailure('ToolOutputInvalid', `vit_onnx_trt.py ${problem}; see its log`);
}
