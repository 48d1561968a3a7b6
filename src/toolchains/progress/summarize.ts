import { type ProgressReader, phaseOnly, readBar, withoutPrefix } from './tool-progress.js';

/** summarize.py: the CPU reference reports each article; upstream its bars, the times of loading and then the scores. */
export const summarizeProgress = (): ProgressReader => (printed) => {
  const line = withoutPrefix(printed);
  const [, done, total] = /^Article (\d+) of (\d+): /.exec(line) ?? [];
  if (done !== undefined && total !== undefined) {
    return { phase: 'summarizing', done: Number(done), total: Number(total), unit: 'articles' };
  }
  if (/^Load tokenizer takes: /.test(line)) return phaseOnly('loading the engine');
  if (/^(?:TensorRT-LLM|Hugging Face) \(total latency: /.test(line)) return phaseOnly('scoring');
  return readBar(line);
};
