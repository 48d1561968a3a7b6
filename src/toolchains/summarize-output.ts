import { EnginesmithFailure } from '../contracts/failures.js';
import { type RougeScores, rougeScores } from '../contracts/gate.js';
import { rougeMetrics } from '../contracts/spec.js';

/** One generated text, by the row of the dataset that it summarizes. */
export interface Summary {
  row: number;
  text: string;
}

/** What summarize.py measured on its TensorRT-LLM side. */
export interface SummarizeLog {
  /** In points; a bootstrap aggregate over words, not stems. */
  scores: RougeScores;
  totalLatencySeconds: number;
  outputTokens: number;
}

function invalid(file: string, message: string): EnginesmithFailure {
  return new EnginesmithFailure('ToolOutputInvalid', `${file} of summarize.py: ${message}`, { context: { file } });
}

/**
 * Reads `trtllm.out`: two header lines, then `[<row>] [Beam 0] <text>`, where a text may hold line breaks of its own.
 *
 * @throws ToolOutputInvalid when no text is there, a row comes twice, or there is a beam beside the first: such a file was
 *   not written under `--batch_size 1 --num_beams 1`, where its rows can be trusted
 */
export function parseSummaries(text: string): Summary[] {
  // no `m` flag: `^` would also match after \r and U+2028, which a model may well write
  const headers = [...`\n${text}`.matchAll(/\n\[(\d+)\] \[Beam (\d+)\] /g)];
  if (headers.length === 0) throw invalid('trtllm.out', 'no line begins with "[<row>] [Beam 0] ". See the tool’s log.');
  const rows = new Set<number>();
  return headers.map((header, index) => {
    const [match, row, beam] = [header[0], Number(header[1]), Number(header[2])];
    if (beam !== 0) throw invalid('trtllm.out', `expected beam 0 only, found beam ${beam}. Run it with --num_beams 1.`);
    if (rows.has(row))
      throw invalid('trtllm.out', `row ${row} comes twice. Give each run an output directory of its own.`);
    rows.add(row);
    // offsets count the line break put in front: a text begins, and ends before its own line break, one earlier in the file
    const start = header.index + match.length - 1;
    const end = headers[index + 1]?.index ?? text.replace(/\n$/, '').length + 1;
    return { row, text: text.slice(start, end - 1) };
  });
}

const logLine = /\[TRT-LLM\] \[I\] (.*)$/;
const beamHeader = /^(TensorRT-LLM|HF) beam \d+ result$/;
const scoreLine = /^\s+(rouge1|rouge2|rougeL|rougeLsum) ?: ([\d.eE+-]+)/;
const totalLine = /^TensorRT-LLM \(total (latency|output tokens): ([\d.eE+-]+)/;

/**
 * Reads the results from what summarize.py printed. With `--test_hf` the same metric lines come again under another
 * header, so each belongs to the last header before it; of several beams the last one stands.
 *
 * @throws ToolOutputInvalid when a score or a total is missing or is no number
 */
export function parseSummarizeLog(text: string): SummarizeLog {
  const found = new Map<string, number>();
  let side: string | undefined;
  for (const line of text.split(/\r?\n/)) {
    const message = logLine.exec(line)?.[1] ?? '';
    side = beamHeader.exec(message)?.[1] ?? side;
    const result = totalLine.exec(message) ?? (side === 'TensorRT-LLM' ? scoreLine.exec(message) : null);
    if (result?.[1] !== undefined) found.set(result[1], Number(result[2]));
  }
  const value = (name: string): number => {
    const number = found.get(name);
    if (number !== undefined && Number.isFinite(number)) return number;
    throw invalid(
      'the log',
      `"${name}" of the TensorRT-LLM side is missing. Was it run with --test_trt_llm to its end?`,
    );
  };
  const scores = rougeScores.safeParse(Object.fromEntries(rougeMetrics.map((metric) => [metric, value(metric)])));
  if (!scores.success) throw invalid('the log', `a score is not between 0 and 100: ${scores.error.message}`);
  return { scores: scores.data, totalLatencySeconds: value('latency'), outputTokens: value('output tokens') };
}
