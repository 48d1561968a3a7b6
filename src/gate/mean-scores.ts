import type { RougeScores } from '../contracts/gate.js';

/** The plain mean of each metric, in points; 0 of no scores. */
export function meanScores(scores: readonly RougeScores[]): RougeScores {
  const mean = (metric: keyof RougeScores) =>
    scores.reduce((total, each) => total + each[metric], 0) / Math.max(1, scores.length);
  return { rouge1: mean('rouge1'), rouge2: mean('rouge2'), rougeL: mean('rougeL'), rougeLsum: mean('rougeLsum') };
}
