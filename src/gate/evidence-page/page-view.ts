import type { Criterion, GateEvidence, GateVerdict } from '../../contracts/gate.js';
import { rougeMetrics } from '../../contracts/spec.js';
import { decidingCriterion, signedPoints, verdictSentence } from '../verdict-sentence.js';
import { type ArticleRow, type ArticleView, articleRow, articleView, isLoss } from './article-view.js';
import { criterionWords, marginCriterion } from './criteria.js';
import { chosenPercent, decimal, inUnit } from './numbers.js';
import { differencePlot } from './plots/difference-plot.js';
import { intervalPlot } from './plots/interval-plot.js';
import { lookPlot } from './plots/look-plot.js';
import { scorePlot } from './plots/score-plot.js';
import { recomputeScript } from './recompute.js';

const WORST_ARTICLES = 5;

/** Everything that the page's template writes, as text; what is HTML already is under `plots`. */
export interface PageView {
  verdict: GateVerdict;
  reason: string;
  alpha: string;
  policyVersion: number;
  facts: { name: string; value: string }[];
  criteria: Record<
    'title' | 'unit' | 'open' | 'estimate' | 'lowerBound' | 'upperBound' | 'side' | 'limit' | 'outcome',
    string
  >[];
  plots: Record<'interval' | 'differences' | 'scores' | 'looks', string>;
  metrics: readonly string[];
  means: { metric: string; decides: boolean; baseline: string; candidate: string; difference: string; lost: boolean }[];
  measures: Record<'title' | 'meaning' | 'baseline' | 'candidate', string>[];
  printed: { side: string; rows: string; scores: string[]; way: string; gap: string }[];
  articleCount: number;
  degenerateCount: number;
  worst: ArticleView[];
  rows: ArticleRow[];
  script: string;
}

/** What the evidence says, in the words and digits of the page. */
export function pageView(evidence: GateEvidence): PageView {
  const { decision, policy, articles } = evidence;
  const margin = marginCriterion(evidence);
  return {
    verdict: decision.verdict,
    reason: verdictSentence(evidence),
    alpha: chosenPercent(policy.alpha),
    policyVersion: evidence.policyVersion,
    facts: facts(evidence, margin),
    criteria: decision.criteria.map(criterionView),
    plots: {
      interval: intervalPlot(decidingCriterion(decision) ?? margin),
      differences: differencePlot(articles, margin),
      scores: scorePlot(articles, policy.metric, margin),
      looks: lookPlot(evidence, margin),
    },
    metrics: rougeMetrics,
    means: meanViews(evidence),
    measures: evidence.measures.map(({ name, unit, meaning, baseline, candidate }) => ({
      // A count of texts, and a name that says its unit, need none.
      title: unit === 'texts' || name.includes(unit) ? name : `${name}, ${unit}`,
      meaning,
      baseline: baseline === null ? '' : inUnit(baseline, unit),
      candidate: candidate === null ? '' : inUnit(candidate, unit),
    })),
    printed: evidence.printed.map(({ side, from, count, scores, stemmer, largestGapPoints }) => ({
      side,
      rows: `${from}–${from + count - 1}`,
      scores: rougeMetrics.map((metric) => decimal(scores[metric], 1)),
      way: stemmer ? 'stems' : 'words',
      gap: decimal(largestGapPoints, 2),
    })),
    articleCount: articles.length,
    degenerateCount: articles.filter(({ candidate }) => candidate.degenerations.length > 0).length,
    worst: articles
      .toSorted((left, right) => left.difference - right.difference)
      .slice(0, WORST_ARTICLES)
      .map((article) => articleView(article, policy.metric)),
    rows: articles.map((article) => articleRow(article, policy.metric)),
    script: recomputeScript,
  };
}

function facts({ decision, policy, means }: GateEvidence, margin: Criterion): PageView['facts'] {
  const { metric } = policy;
  const share = policy.margin.kind === 'share' ? ` (${chosenPercent(policy.margin.value)} of the baseline)` : '';
  return [
    { name: `baseline ${metric}`, value: decimal(means.baseline[metric], 1) },
    { name: `candidate ${metric}`, value: decimal(means.candidate[metric], 1) },
    { name: 'margin', value: `${signedPoints(margin.limit)}${share}` },
    { name: 'articles', value: `${decision.articles} of at most ${policy.looks.at(-1) ?? decision.articles}` },
    { name: 'look', value: `${decision.look} of ${policy.looks.length}` },
    { name: 'confidence', value: chosenPercent(1 - policy.alpha) },
  ];
}

function criterionView(criterion: Criterion): PageView['criteria'][number] {
  const { name, outcome, good, estimate, lowerBound, upperBound, limit, articlesToDecide } = criterion;
  const { title, unit, write, needs = good } = criterionWords[name];
  return {
    title,
    unit,
    open: articlesToDecide === undefined ? '' : `; about ${articlesToDecide} articles would decide`,
    estimate: write(estimate),
    lowerBound: write(lowerBound),
    upperBound: write(upperBound),
    side: needs,
    limit: write(limit),
    outcome,
  };
}

const meanViews = ({ means, policy }: GateEvidence): PageView['means'] =>
  rougeMetrics.map((metric) => {
    const difference = means.candidate[metric] - means.baseline[metric];
    return {
      metric,
      decides: metric === policy.metric,
      baseline: decimal(means.baseline[metric], 1),
      candidate: decimal(means.candidate[metric], 1),
      difference: signedPoints(difference),
      lost: isLoss(difference),
    };
  });
