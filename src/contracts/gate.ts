import { z } from 'zod';
import { rougeMetrics } from './spec.js';

const points = z.number().min(0).max(100);

/** ROUGE F1 in points, 0–100. */
export const rougeScores = z.strictObject({ rouge1: points, rouge2: points, rougeL: points, rougeLsum: points });

export type RougeScores = z.infer<typeof rougeScores>;

/** How much worse than its baseline a candidate may be: a share of the baseline's mean score, or ROUGE points. */
const gateMargin = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('share'), value: z.number().gt(0).lt(1) }),
  z.strictObject({ kind: z.literal('points'), value: z.number().gt(0).lt(100) }),
]);

export type GateMargin = z.infer<typeof gateMargin>;

const gatePolicy = z.strictObject({
  metric: z.enum(rougeMetrics),
  margin: gateMargin,
  /** The one-sided error of each bound. */
  alpha: z.number().gt(0).lt(0.5),
});

export type GatePolicy = z.infer<typeof gatePolicy>;

/** Changes whenever the same texts could get another verdict: part of the action key of gate evidence. */
export const GATE_POLICY_VERSION = 1;

const gateVerdict = z.enum(['PASS', 'FAIL', 'INCONCLUSIVE']);

/** Files of a gate-evidence artifact: for programs, and for people. */
export const EVIDENCE_FILE = 'evidence.json';
export const EVIDENCE_PAGE = 'evidence.md';

/** A non-inferiority decision on paired differences (candidate − baseline). Everything but `articles` is in points. */
const gateDecision = z.strictObject({
  verdict: gateVerdict,
  articles: z.int().min(2),
  alpha: z.number(),
  marginPoints: z.number().positive(),
  meanDifference: z.number(),
  standardDeviation: z.number().min(0),
  lowerBound: z.number(),
  upperBound: z.number(),
  /** Only with INCONCLUSIVE: how many articles would decide if mean and spread stay as they are. */
  articlesToDecide: z.int().positive().optional(),
});

export type GateDecision = z.infer<typeof gateDecision>;

const judgedText = z.strictObject({ text: z.string(), scores: rougeScores });

const printedCheck = z.strictObject({
  /** What summarize.py printed: a bootstrap aggregate, not the plain mean. */
  scores: rougeScores,
  /** Whether the tool compared stems; TensorRT-LLM's summarize.py compares words. */
  stemmer: z.boolean(),
  /** The largest distance of the four printed scores from ours, computed the tool's way. */
  largestGapPoints: z.number().min(0),
});

export type PrintedCheck = z.infer<typeof printedCheck>;

/** Everything that a verdict rests on: it can be computed again from this alone. */
export const gateEvidence = z.strictObject({
  schema: z.literal('enginesmith/gate-evidence/v1'),
  policyVersion: z.literal(GATE_POLICY_VERSION),
  policy: gatePolicy,
  decision: gateDecision,
  means: z.strictObject({ baseline: rougeScores, candidate: rougeScores }),
  printed: z.strictObject({ baseline: printedCheck.optional(), candidate: printedCheck.optional() }),
  /** By dataset row, ascending. `difference` is candidate − baseline in the policy's metric. */
  articles: z.array(
    z.strictObject({
      row: z.int().min(0),
      reference: z.string(),
      baseline: judgedText,
      candidate: judgedText,
      difference: z.number(),
    }),
  ),
});

export type GateEvidence = z.infer<typeof gateEvidence>;
