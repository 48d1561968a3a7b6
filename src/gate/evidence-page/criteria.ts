import type { Criterion, GateEvidence } from '../../contracts/gate.js';
import { signedPoints } from '../verdict-sentence.js';
import { decimal, percent } from './numbers.js';

interface CriterionWords {
  title: string;
  /** What its numbers are, as the page writes them. */
  unit: string;
  write: (value: number) => string;
  /** Comes before the limit, where the side that is good does not say it. */
  needs?: string;
}

/** What each criterion asks, in the words of a reader who has not seen the documentation. */
export const criterionWords: Record<Criterion['name'], CriterionWords> = {
  margin: { title: 'Mean ROUGE difference', unit: 'candidate − baseline, points', write: signedPoints },
  'degenerate-texts': {
    title: 'Degenerate texts',
    unit: 'candidate − baseline, share of texts that are no answer at all',
    write: percent,
    // An exact test for more faults than chance explains: it asks for no proof that there are none.
    needs: 'not shown above',
  },
  perplexity: {
    title: 'Growth of perplexity',
    unit: 'of the baseline’s texts',
    // Its numbers are logs of ratios.
    write: (nats) => percent(Math.expm1(nats)),
  },
  'kl-divergence': {
    title: 'KL divergence',
    unit: 'nats a token',
    write: (nats) => decimal(nats, 4),
  },
  'top1-agreement': { title: 'Top-1 agreement', unit: 'share of tokens', write: percent },
};

/** The criterion of the mean ROUGE difference, which every evidence has. */
export function marginCriterion({ decision }: Pick<GateEvidence, 'decision'>): Criterion {
  const margin = decision.criteria.find(({ name }) => name === 'margin');
  if (margin === undefined) throw new Error('evidence without the criterion "margin"');
  return margin;
}
