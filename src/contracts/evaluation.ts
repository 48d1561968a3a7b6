import * as z from 'zod';
import { articleAgreement, rougeScores } from './gate.js';

/** Name of the one file of an evaluation artifact. */
export const EVALUATION_FILE = 'evaluation.json';

/** Consecutive rows of a dataset's test split that one run of a tool answers. */
const shard = z.strictObject({ from: z.int().min(0), count: z.int().min(1) });

export type Shard = z.infer<typeof shard>;

/** One article of an evaluation dataset, or one prompt. */
export interface DatasetRow {
  /** Counted from 0 over all files of the split. */
  row: number;
  /** What was asked; empty where it is not known. */
  question: string;
  /** Of a summary: one sentence a line. */
  reference: string;
}

const generatedText = z.strictObject({ row: z.int().min(0), text: z.string() });

/** What one side wrote to a row. */
export type GeneratedText = z.infer<typeof generatedText>;

/** What one side answered to each row of a shard, and what the tool printed of it. No times and no paths: equal engines agree. */
export const evaluationSchema = z.strictObject({
  schema: z.literal('enginesmith/evaluation/v2'),
  shard,
  /** Digest of the shard as a dataset: sides that were asked other questions cannot be compared. */
  questions: z.string(),
  /** In points; the tool's own aggregate. Null where the tool prints none. */
  printedScores: rougeScores.nullable(),
  /** Of prompt and answer, a token, mean over texts; null where the tool was not asked. */
  perplexity: z.number().positive().nullable(),
  /** `row` counts from the start of the whole split. */
  texts: z.array(generatedText),
});

export type Evaluation = z.infer<typeof evaluationSchema>;

/** Name of the one file of an agreement artifact. */
export const AGREEMENT_FILE = 'agreement.json';

/** How the candidate agrees with its baseline on the baseline's texts of one shard. Empty texts have no entry. */
export const agreementSchema = z.strictObject({
  schema: z.literal('enginesmith/agreement/v1'),
  shard,
  articles: z.array(articleAgreement),
});

export type Agreement = z.infer<typeof agreementSchema>;
