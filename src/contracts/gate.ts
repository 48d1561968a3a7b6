import * as z from 'zod';
import { rougeMetrics, type Spec } from './spec.js';

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

/** The margin that a spec's gate block asks for, which has either a share or points. */
export const marginOf = ({ margin: { share, points } }: Pick<Spec['gate'], 'margin'>): GateMargin =>
  share === undefined ? { kind: 'points', value: points ?? 0 } : { kind: 'share', value: share };

/** Limits beside the margin; what is null is reported and decides nothing. */
const gateLimits = z.strictObject({
  /** Share by which the perplexity of the baseline's own texts may grow. */
  perplexityIncrease: z.number().positive().nullable(),
  /** Nats a token. */
  klDivergence: z.number().positive().nullable(),
  /** Share of tokens. */
  top1Agreement: z.number().gt(0).lt(1).nullable(),
});

const gatePolicy = z.strictObject({
  metric: z.enum(rougeMetrics),
  margin: gateMargin,
  limits: gateLimits,
  /** The one-sided error of each bound, over all looks together. */
  alpha: z.number().gt(0).lt(0.5),
  /** Articles seen at each look, ascending; the last one is the budget. */
  looks: z.array(z.int().min(2)).min(1),
});

export type GatePolicy = z.infer<typeof gatePolicy>;

/** Changes whenever the same texts could get another verdict: part of the action key of gate evidence. */
export const GATE_POLICY_VERSION = 2;

const gateVerdict = z.enum(['PASS', 'FAIL', 'INCONCLUSIVE']);

export type GateVerdict = z.infer<typeof gateVerdict>;

/** Files of a gate-evidence artifact: for programs, and for people. */
export const EVIDENCE_FILE = 'evidence.json';
export const EVIDENCE_PAGE = 'evidence.html';

/** Names of what can decide. */
export const criterionNames = ['margin', 'degenerate-texts', 'perplexity', 'kl-divergence', 'top1-agreement'] as const;

/**
 * One row of what decides: an estimate, its one-sided bounds at this look's confidence, and the limit that they are held
 * against. The gate passes when every row does, and fails when one does.
 */
const criterion = z.strictObject({
  name: z.enum(criterionNames),
  outcome: gateVerdict,
  /** "points", "share of texts", "nats a token" … */
  unit: z.string(),
  /** Which side of the limit is good. */
  good: z.enum(['above', 'below']),
  estimate: z.number(),
  lowerBound: z.number(),
  upperBound: z.number(),
  limit: z.number(),
  /** Texts that it rests on. */
  articles: z.int().min(0),
  /** Over articles, where it rests on a mean. */
  standardDeviation: z.number().min(0).optional(),
  /** Only where it is INCONCLUSIVE: how many articles would decide if mean and spread stay as they are. */
  articlesToDecide: z.int().positive().optional(),
});

export type Criterion = z.infer<typeof criterion>;

const gateDecision = z.strictObject({
  verdict: gateVerdict,
  /** Which look this is, counted from 1. */
  look: z.int().min(1),
  articles: z.int().min(2),
  /** The one-sided error that this look's bounds have, so that all looks together keep the policy's. */
  nominalAlpha: z.number().positive(),
  /** What was spent of the policy's alpha when this look is done. */
  spentAlpha: z.number().positive(),
  /** The margin first, then the others in the order of `criterionNames`; those without a limit are not here. */
  criteria: z.array(criterion).min(1),
  /** Only with INCONCLUSIVE: the most that any criterion needs. */
  articlesToDecide: z.int().positive().optional(),
});

export type GateDecision = z.infer<typeof gateDecision>;

/** A row that informs: one number a side. */
const measure = z.strictObject({
  name: z.string(),
  unit: z.string(),
  /** Null where it has no value on that side. */
  baseline: z.number().nullable(),
  candidate: z.number().nullable(),
  /** What it says, in one sentence. */
  meaning: z.string(),
});

export type Measure = z.infer<typeof measure>;

/** Why a text is no answer at all. */
export const degenerations = ['empty', 'repetition', 'other-language'] as const;

const judgedText = z.strictObject({
  text: z.string(),
  scores: rougeScores,
  degenerations: z.array(z.enum(degenerations)),
});

export type JudgedText = z.infer<typeof judgedText>;

const printedCheck = z.strictObject({
  side: z.enum(['baseline', 'candidate']),
  /** Rows from here on, `count` of them: one run of the tool. */
  from: z.int().min(0),
  count: z.int().min(1),
  /** What summarize.py printed: a bootstrap aggregate, not the plain mean. */
  scores: rougeScores,
  /** Whether the tool compared stems; TensorRT-LLM's summarize.py compares words. */
  stemmer: z.boolean(),
  /** The largest distance of the four printed scores from ours, computed the tool's way. */
  largestGapPoints: z.number().min(0),
});

export type PrintedCheck = z.infer<typeof printedCheck>;

/** How much two engines agree about one text of the baseline, token by token, teacher-forced. */
export const articleAgreement = z.strictObject({
  row: z.int().min(0),
  /** Tokens of the text that were compared. */
  tokens: z.int().min(1),
  /** Mean over tokens of KL(baseline ‖ candidate), in nats. */
  klDivergence: z.number().min(0),
  /** Share of tokens at which both engines find the same successor likeliest. */
  top1Agreement: z.number().min(0).max(1),
  /** Mean negative log likelihood of the text's tokens under each engine, in nats. */
  negativeLogLikelihood: z.strictObject({ baseline: z.number(), candidate: z.number() }),
});

export type ArticleAgreement = z.infer<typeof articleAgreement>;

/** Everything that a verdict rests on: it can be computed again from this alone. */
export const gateEvidence = z.strictObject({
  schema: z.literal('enginesmith/gate-evidence/v2'),
  policyVersion: z.literal(GATE_POLICY_VERSION),
  policy: gatePolicy,
  decision: gateDecision,
  means: z.strictObject({ baseline: rougeScores, candidate: rougeScores }),
  measures: z.array(measure),
  printed: z.array(printedCheck),
  /** By dataset row, ascending. `difference` is candidate − baseline in the policy's metric. */
  articles: z.array(
    z.strictObject({
      row: z.int().min(0),
      /** What was asked, where it is known: the article or the prompt. */
      question: z.string(),
      reference: z.string(),
      baseline: judgedText,
      candidate: judgedText,
      difference: z.number(),
      agreement: articleAgreement.nullable(),
    }),
  ),
});

export type GateEvidence = z.infer<typeof gateEvidence>;
