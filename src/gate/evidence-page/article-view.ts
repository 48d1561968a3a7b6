import type { GateEvidence, JudgedText } from '../../contracts/gate.js';
import type { RougeMetric } from '../../contracts/spec.js';
import { signedPoints } from '../verdict-sentence.js';
import { decimal, percent } from './numbers.js';
import { type Passage, sharedWords } from './shared-words.js';
import { type VisibleText, visibleText } from './visible-text.js';

type Article = GateEvidence['articles'][number];

/** Several screens of text: whoever needs more has evidence.json. */
const LONGEST_TEXT = 4_000;
const LONGEST_START = 120;

interface SideView {
  name: string;
  score: string;
  degenerations: string[];
  passages: Passage[];
  leftOut: number;
  empty: boolean;
}

export interface ArticleView {
  row: number;
  difference: string;
  lost: boolean;
  agreement: string | null;
  question: VisibleText;
  reference: VisibleText;
  sides: SideView[];
}

export interface ArticleRow {
  row: number;
  baseline: string;
  candidate: string;
  difference: string;
  lost: boolean;
  degenerations: string;
  agreement: string;
  start: string;
}

/** Whether a difference, as it is written, is one. */
export const isLoss = (difference: number): boolean => signedPoints(difference).startsWith('−');

const spelled = (degeneration: string): string => degeneration.replaceAll('-', ' ');

/** An article side by side, ready to be written. */
export function articleView(article: Article, metric: RougeMetric): ArticleView {
  const side = (name: string, { text, scores, degenerations }: JudgedText): SideView => {
    const shown = visibleText(text, LONGEST_TEXT);
    return {
      name,
      score: decimal(scores[metric], 1),
      degenerations: degenerations.map(spelled),
      passages: sharedWords(shown.text, article.reference.slice(0, LONGEST_TEXT)),
      leftOut: shown.leftOut,
      empty: shown.text.trim() === '',
    };
  };
  const { row, difference, agreement } = article;
  return {
    row,
    difference: signedPoints(difference),
    lost: isLoss(difference),
    agreement:
      agreement &&
      `The engines agree on the likeliest next token at ${percent(agreement.top1Agreement)} of ${agreement.tokens} tokens ` +
        `(KL ${decimal(agreement.klDivergence, 4)} nats a token).`,
    question: visibleText(article.question, LONGEST_TEXT),
    reference: visibleText(article.reference, LONGEST_TEXT),
    sides: [side('Baseline', article.baseline), side('Candidate', article.candidate)],
  };
}

/** An article as a row of the table of all. */
export function articleRow(article: Article, metric: RougeMetric): ArticleRow {
  const { row, baseline, candidate, difference, agreement } = article;
  const start = visibleText(candidate.text, LONGEST_START);
  return {
    row,
    baseline: decimal(baseline.scores[metric], 1),
    candidate: decimal(candidate.scores[metric], 1),
    difference: signedPoints(difference),
    lost: isLoss(difference),
    degenerations: candidate.degenerations.map(spelled).join(', '),
    agreement: agreement === null ? '' : percent(agreement.top1Agreement),
    start: `${start.text}${start.leftOut > 0 ? ' …' : ''}`,
  };
}
