import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { GateEvidence } from '../../src/contracts/gate.js';
import { evaluateGate } from '../../src/gate/evaluate.js';
import { meanScores } from '../../src/gate/mean-scores.js';
import { scoreRouge } from '../../src/gate/rouge.js';

const dataset = fileURLToPath(new URL('../../toolchain-cpu/data/cnn_dailymail/test.jsonl', import.meta.url));
const datasetRow = z.object({ article: z.string(), highlights: z.string() });

const looks = [16, 32, 64];

/** What a summarizer would say: the article's first sentences. */
export const leadOf = (article: string, sentences: number): string =>
  article
    .split(/(?<=[.!?]"?) /)
    .slice(0, sentences)
    .join(' ');

/** What a bad quantization makes of it: sentences fewer or more, and now and then no answer at all. */
function damaged(article: string, row: number): string {
  if (row === 5) return '';
  if (row === 9) return `${leadOf(article, 1)}${' and the bridge'.repeat(40)}`;
  if (row === 12) return '市议会投票决定更换钟楼的机械装置，因为旧装置已经损坏，修理费用太高。';
  return leadOf(article, [3, 2, 3, 4, 2][row % 5] ?? 3);
}

export interface EvidenceExample {
  /** Articles of a whole look. @default 16 */
  articles?: 16 | 32 | 64;
  /** As a share of the baseline's mean. @default 0.1 */
  margin?: number;
  /** Whether the engines were compared token by token. @default true */
  agreement?: boolean;
  /** What the candidate writes. @default some answers are damaged */
  candidate?: (article: string, row: number) => string;
}

/** What the gate says about articles of the dataset; only the summaries are made up. */
export function exampleEvidence(example: EvidenceExample = {}): GateEvidence {
  const { articles: count = 16, margin = 0.1, agreement = true, candidate = damaged } = example;
  const rows = readFileSync(dataset, 'utf8')
    .split('\n')
    .slice(0, count)
    .map((line, row) => {
      const { article, highlights } = datasetRow.parse(JSON.parse(line));
      return { row, question: article, reference: highlights };
    });
  const shard = { from: 0, count };
  const evaluation = (write: (article: string, row: number) => string) => {
    const texts = rows.map(({ row, question }) => ({ row, text: write(question, row) }));
    const printedScores = meanScores(
      rows.map(({ row, reference }) => scoreRouge(reference, texts[row]?.text ?? '', { stemmer: false })),
    );
    return {
      schema: 'enginesmith/evaluation/v2' as const,
      shard,
      questions: 'q',
      printedScores,
      perplexity: null,
      texts,
    };
  };
  const agreements = rows.map(({ row }) => ({
    row,
    tokens: 60 + row,
    klDivergence: 0.01 + 0.002 * (row % 7),
    top1Agreement: 0.97 - 0.01 * (row % 6),
    negativeLogLikelihood: { baseline: 1.9 - 0.01 * (row % 3), candidate: 1.95 },
  }));
  return evaluateGate({
    policy: {
      metric: 'rougeLsum',
      margin: { kind: 'share', value: margin },
      limits: agreement
        ? { perplexityIncrease: 0.2, klDivergence: 0.05, top1Agreement: 0.9 }
        : { perplexityIncrease: null, klDivergence: null, top1Agreement: null },
      alpha: 0.05,
      looks,
    },
    look: looks.indexOf(count) + 1,
    shards: [
      {
        baseline: evaluation((article) => leadOf(article, 3)),
        candidate: evaluation(candidate),
        agreement: agreement ? { schema: 'enginesmith/agreement/v1', shard, articles: agreements } : null,
      },
    ],
    rows,
  });
}
