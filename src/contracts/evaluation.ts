import { z } from 'zod';
import { rougeScores } from './gate.js';

/** Name of the one file of an evaluation artifact. */
export const EVALUATION_FILE = 'evaluation.json';

/** What an engine wrote about each article, and what the tool printed of it. No times and no paths: equal engines agree. */
export const evaluationSchema = z.strictObject({
  schema: z.literal('enginesmith/evaluation/v1'),
  /** In points; the tool's own aggregate. */
  printedScores: rougeScores,
  summaries: z.array(z.strictObject({ row: z.int().min(0), text: z.string() })),
});

export type Evaluation = z.infer<typeof evaluationSchema>;
