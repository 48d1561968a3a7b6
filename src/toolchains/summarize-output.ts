import type { GeneratedText } from '../contracts/evaluation.js';
import { EnginesmithFailure } from '../contracts/failures.js';
import { type RougeScores, rougeScores } from '../contracts/gate.js';
import { rougeMetrics } from '../contracts/spec.js';

/** What summarize.py measured on one side: of the engine, or of the Hugging Face model. */
export interface SummarizeLog {
  /** In points; a bootstrap aggregate over words, not stems. */
  scores: RougeScores;
  /** A token of prompt and text, mean over articles; null without `--eval_ppl`. */
  perplexity: number | null;
}

/** What is called what on each side. */
const sides = {
  engine: { header: 'TensorRT-LLM', file: 'trtllm.out' },
  huggingface: { header: 'HF', file: 'hf.out' },
} as const;

export type SummarizeSide = keyof typeof sides;

/** The file of `--output_dir` that holds a side's texts. */
export const textsFile = (side: SummarizeSide): string => sides[side].file;

function invalid(file: string, message: string): EnginesmithFailure {
  return new EnginesmithFailure('ToolOutputInvalid', `${file} of summarize.py: ${message}`, { context: { file } });
}

/**
 * Reads `trtllm.out` or `hf.out`: two header lines, then `[<row>] [Beam 0] <text>`, where a text may hold line breaks of its own.
 *
 * @throws ToolOutputInvalid when no text is there, a row comes twice, or there is a beam beside the first: such a file was
 *   not written under `--batch_size 1 --num_beams 1`, where its rows can be trusted
 */
export function parseSummaries(text: string, side: SummarizeSide = 'engine'): GeneratedText[] {
  const file = textsFile(side);
  // no `m` flag: `^` would also match after \r and U+2028, which a model may well write
  const headers = [...`\n${text}`.matchAll(/\n\[(\d+)\] \[Beam (\d+)\] /g)];
  if (headers.length === 0) throw invalid(file, 'no line begins with "[<row>] [Beam 0] ". See the tool’s log.');
  const rows = new Set<number>();
  return headers.map((header, index) => {
    const [match, row, beam] = [header[0], Number(header[1]), Number(header[2])];
    if (beam !== 0) throw invalid(file, `expected beam 0 only, found beam ${beam}. Run it with --num_beams 1.`);
    if (rows.has(row)) throw invalid(file, `row ${row} comes twice. Give each run an output directory of its own.`);
    rows.add(row);
    // offsets count the line break put in front: a text begins, and ends before its own line break, one earlier in the file
    const start = header.index + match.length - 1;
    const end = headers[index + 1]?.index ?? text.replace(/\n$/, '').length + 1;
    return { row, text: text.slice(start, end - 1) };
  });
}

const logLine = /\[TRT-LLM\] \[I\] (.*)$/;
const beamHeader = /^(TensorRT-LLM|HF) beam \d+ result$/;
const scoreLine = /^\s+(rouge1|rouge2|rougeL|rougeLsum|Per-token perplexity) ?: ([\d.eE+-]+)/;

/**
 * Reads the results from what summarize.py printed. With `--test_hf` the same metric lines come again under another
 * header, so each belongs to the last header before it; of several beams the last one stands.
 *
 * @throws ToolOutputInvalid when a score is missing or is no number
 */
export function parseSummarizeLog(text: string, wanted: SummarizeSide = 'engine'): SummarizeLog {
  const found = new Map<string, number>();
  let side: string | undefined;
  for (const line of text.split(/\r?\n/)) {
    const message = logLine.exec(line)?.[1] ?? '';
    side = beamHeader.exec(message)?.[1] ?? side;
    const result = side === sides[wanted].header ? scoreLine.exec(message) : null;
    if (result?.[1] !== undefined) found.set(result[1], Number(result[2]));
  }
  const value = (name: string): number => {
    const number = found.get(name);
    if (number !== undefined && Number.isFinite(number)) return number;
    throw invalid('the log', `"${name}" of the ${sides[wanted].header} side is missing. Was it run to its end?`);
  };
  const scores = rougeScores.safeParse(Object.fromEntries(rougeMetrics.map((metric) => [metric, value(metric)])));
  if (!scores.success) throw invalid('the log', `a score is not between 0 and 100: ${scores.error.message}`);
  const perplexity = found.get('Per-token perplexity') ?? null;
  return { scores: scores.data, perplexity: Number.isFinite(perplexity) ? perplexity : null };
}
