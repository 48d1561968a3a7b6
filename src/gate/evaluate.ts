import { EnginesmithFailure } from '../contracts/failures.js';
import {
  GATE_POLICY_VERSION,
  type GateEvidence,
  type GatePolicy,
  type PrintedCheck,
  type RougeScores,
} from '../contracts/gate.js';
import { rougeMetrics } from '../contracts/spec.js';
import { decide } from './non-inferiority.js';
import { scoreRouge } from './rouge.js';

interface GeneratedText {
  /** Row of the dataset. */
  row: number;
  text: string;
}

export interface EvaluateGateInput {
  baseline: readonly GeneratedText[];
  candidate: readonly GeneratedText[];
  /** May hold more rows than were generated. */
  references: readonly { row: number; highlights: string }[];
  policy: GatePolicy;
  /** What summarize.py printed for the same texts. */
  printedScores?: { baseline?: RougeScores; candidate?: RougeScores };
}

/** How far our mean may lie from the tool's printed score, which is a bootstrap aggregate of the same articles. */
const largestAllowedGapPoints = 0.5;

function invalid(message: string, context: Record<string, string | number>): EnginesmithFailure {
  return new EnginesmithFailure('EvaluationInvalid', message, { context });
}

function byRow<T extends { row: number }>(name: string, items: readonly T[]): Map<number, T> {
  const rows = new Map(items.map((item) => [item.row, item]));
  if (rows.size === items.length) return rows;
  throw invalid(`The ${name} has a row twice: its articles cannot be paired.`, { side: name });
}

function samePlace<T>(rows: Map<number, T>, row: number, name: string): T {
  const item = rows.get(row);
  if (item !== undefined) return item;
  throw invalid(
    `Row ${row} of the dataset is missing from the ${name}. Evaluate baseline and candidate on the same articles, and ` +
      'read the references from the same dataset revision.',
    { row, side: name },
  );
}

function meanScores(scores: readonly RougeScores[]): RougeScores {
  const mean = (metric: keyof RougeScores) => scores.reduce((total, each) => total + each[metric], 0) / scores.length;
  return { rouge1: mean('rouge1'), rouge2: mean('rouge2'), rougeL: mean('rougeL'), rougeLsum: mean('rougeLsum') };
}

function largestGap(printed: RougeScores, ours: RougeScores): number {
  return Math.max(...rougeMetrics.map((metric) => Math.abs(printed[metric] - ours[metric])));
}

/**
 * Holds our scores against what the tool printed. summarize.py calls `evaluate`'s ROUGE with its default, which compares
 * words, while the gate compares stems: so the tool's numbers are looked for both ways, and the way that fits is recorded.
 */
function checkPrinted(side: string, printed: RougeScores, pairs: readonly (readonly [string, string])[]): PrintedCheck {
  const ways = [false, true].map((stemmer) => {
    const ours = meanScores(pairs.map(([reference, text]) => scoreRouge(reference, text, { stemmer })));
    return { scores: printed, stemmer, largestGapPoints: largestGap(printed, ours) };
  });
  const best = ways.reduce((nearest, way) => (way.largestGapPoints < nearest.largestGapPoints ? way : nearest));
  if (best.largestGapPoints <= largestAllowedGapPoints) return best;
  throw invalid(
    `summarize.py printed ROUGE scores for the ${side} that lie up to ${best.largestGapPoints.toFixed(2)} points from those ` +
      `of the same texts (at most ${largestAllowedGapPoints} is allowed): its texts, its log or the references are not of ` +
      'one run. Evaluate again, and check that the dataset is the one that the tool read.',
    { side, largestGapPoints: best.largestGapPoints },
  );
}

/**
 * Scores both sides' texts, pairs them by dataset row and decides. Pure: the same input gives the same evidence.
 *
 * @throws EvaluationInvalid when the rows of the sides differ, a reference is missing, or the printed scores disagree
 */
export function evaluateGate(input: EvaluateGateInput): GateEvidence {
  const { policy, printedScores = {} } = input;
  const baseline = byRow('baseline', input.baseline);
  const candidate = byRow('candidate', input.candidate);
  const references = byRow('list of references', input.references);
  const rows = [...new Set([...baseline.keys(), ...candidate.keys()])].sort((left, right) => left - right);

  const articles = rows.map((row) => {
    const reference = samePlace(references, row, 'list of references').highlights;
    const judge = ({ text }: GeneratedText) => ({ text, scores: scoreRouge(reference, text, { stemmer: true }) });
    const judged = {
      baseline: judge(samePlace(baseline, row, 'baseline')),
      candidate: judge(samePlace(candidate, row, 'candidate')),
    };
    const difference = judged.candidate.scores[policy.metric] - judged.baseline.scores[policy.metric];
    return { row, reference, ...judged, difference };
  });
  if (articles.length === 0) throw invalid('Neither side generated a text: there is nothing to compare.', {});

  const sides = ['baseline', 'candidate'] as const;
  const printed: GateEvidence['printed'] = {};
  for (const side of sides) {
    const scores = printedScores[side];
    const pairs = articles.map((article) => [article.reference, article[side].text] as const);
    if (scores !== undefined) printed[side] = checkPrinted(side, scores, pairs);
  }
  const means = {
    baseline: meanScores(articles.map((article) => article.baseline.scores)),
    candidate: meanScores(articles.map((article) => article.candidate.scores)),
  };
  const decision = decide({
    differences: articles.map(({ difference }) => difference),
    baselineMean: means.baseline[policy.metric],
    margin: policy.margin,
    alpha: policy.alpha,
  });
  return {
    schema: 'enginesmith/gate-evidence/v1',
    policyVersion: GATE_POLICY_VERSION,
    policy,
    decision,
    means,
    printed,
    articles,
  };
}
