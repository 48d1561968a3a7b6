import type { Evaluation } from '../contracts/evaluation.js';
import type { Measure } from '../contracts/gate.js';
import type { ComparedArticle } from './criteria/rule.js';
import { degenerationDetectors } from './degenerations.js';

export interface MeasuresInput {
  articles: readonly ComparedArticle[];
  baseline: readonly Evaluation[];
  candidate: readonly Evaluation[];
}

const mean = (values: readonly number[]) => values.reduce((total, value) => total + value, 0) / values.length;

/** Mean over all texts of what the tool printed a shard; null where it printed none for one of them. */
function printedPerplexity(evaluations: readonly Evaluation[]): number | null {
  const perText = evaluations.flatMap(({ perplexity, texts }) => texts.map(() => perplexity));
  const known = perText.filter((perplexity) => perplexity !== null);
  return known.length === 0 || known.length < perText.length ? null : mean(known);
}

function agreementMeasures(articles: readonly ComparedArticle[]): Measure[] {
  const agreements = articles.flatMap(({ agreement }) => agreement ?? []);
  if (agreements.length === 0) return [];
  const likelihoods = agreements.map(({ negativeLogLikelihood }) => negativeLogLikelihood);
  return [
    {
      name: 'perplexity of the baseline’s texts',
      unit: 'perplexity',
      baseline: Math.exp(mean(likelihoods.map(({ baseline }) => baseline))),
      candidate: Math.exp(mean(likelihoods.map(({ candidate }) => candidate))),
      meaning: 'How unlikely either engine finds a token of the same texts: geometric mean over texts.',
    },
    {
      name: 'KL divergence',
      unit: 'nats a token',
      baseline: null,
      candidate: mean(agreements.map(({ klDivergence }) => klDivergence)),
      meaning: 'How far the candidate’s next-token distributions lie from the baseline’s, on the baseline’s texts.',
    },
    {
      name: 'top-1 agreement',
      unit: 'share of tokens',
      baseline: null,
      candidate: mean(agreements.map(({ top1Agreement }) => top1Agreement)),
      meaning: 'How often both engines find the same next token likeliest, on the baseline’s texts.',
    },
  ];
}

/** What informs beside the criteria: perplexity, agreement where engines were compared, and what each detector counted. */
export function measure({ articles, baseline, candidate }: MeasuresInput): Measure[] {
  const perplexity = { baseline: printedPerplexity(baseline), candidate: printedPerplexity(candidate) };
  const printed: Measure = {
    name: 'printed perplexity',
    unit: 'perplexity',
    ...perplexity,
    meaning: 'What the tool printed of prompts and answers: each side’s own answers, so the two are no fair pair.',
  };
  const counts = degenerationDetectors.map(({ name, meaning }) => {
    const count = (side: 'baseline' | 'candidate') =>
      articles.filter((article) => article[side].degenerations.includes(name)).length;
    return { name, unit: 'texts', baseline: count('baseline'), candidate: count('candidate'), meaning };
  });
  const isPrinted = perplexity.baseline !== null || perplexity.candidate !== null;
  return [...(isPrinted ? [printed] : []), ...agreementMeasures(articles), ...counts];
}
