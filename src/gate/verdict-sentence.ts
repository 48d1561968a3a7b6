import type { Criterion, GateEvidence, GatePolicy } from '../contracts/gate.js';

/** ROUGE points with an explicit sign and one decimal; a difference that rounds to nothing has none. */
export function signedPoints(value: number): string {
  const rounded = Math.abs(value).toFixed(1);
  if (rounded === '0.0') return rounded;
  return `${value < 0 ? '−' : '+'}${rounded}`;
}

interface Wording {
  /** What comes before the estimate. */
  subject: (policy: GatePolicy) => string;
  show: (value: number) => string;
  /** What comes after the estimate, if anything. */
  unit: string;
  limit: string;
}

const signedPercent = (share: number) => `${signedPoints(100 * share)} %`;

/** How each criterion is said: "<subject> <estimate> <unit> over 16 articles; its lower bound, …, is above <limit> …". */
const wordings: Record<Criterion['name'], Wording> = {
  margin: {
    subject: ({ metric }) => `${metric} differs by`,
    show: signedPoints,
    unit: ' points',
    limit: 'the margin of',
  },
  'degenerate-texts': {
    subject: () => 'The share of texts that are empty, endless or in another language differs by',
    show: signedPercent,
    unit: '',
    limit: 'the limit of',
  },
  perplexity: {
    subject: () => 'The perplexity of the baseline’s texts differs by',
    show: (nats) => signedPercent(Math.expm1(nats)),
    unit: '',
    limit: 'the limit of',
  },
  'kl-divergence': {
    subject: () => 'The KL divergence from the baseline is',
    show: (nats) => nats.toFixed(3),
    unit: ' nats a token',
    limit: 'the limit of',
  },
  'top1-agreement': {
    subject: () => 'Both engines find the same next token likeliest at',
    show: (share) => `${(100 * share).toFixed(1)} %`,
    unit: ' of tokens',
    limit: 'the limit of',
  },
};

/** The criterion that the verdict rests on: the first that failed, the undecided one that needs most, else the margin. */
export function decidingCriterion({ verdict, criteria }: GateEvidence['decision']): Criterion | undefined {
  const alike = criteria.filter(({ outcome }) => outcome === verdict);
  const needs = ({ articlesToDecide }: Criterion) => articlesToDecide ?? Number.POSITIVE_INFINITY;
  if (verdict === 'INCONCLUSIVE') alike.sort((left, right) => (needs(left) < needs(right) ? 1 : -1));
  return alike[0];
}

function whatNext({ decision, policy }: Pick<GateEvidence, 'decision' | 'policy'>): string {
  const needed =
    decision.articlesToDecide === undefined
      ? 'No practical number of articles would decide'
      : `About ${decision.articlesToDecide} articles would decide, if mean and spread stay as they are`;
  const next = policy.looks[decision.look];
  if (next !== undefined) return `${needed}; the next look has ${next}.`;
  return decision.articlesToDecide === undefined ? `${needed}.` : `${needed}: \`gate.articles\` may be raised.`;
}

/**
 * The verdict in plain sentences with the numbers of the criterion that decided. A bound's confidence is that of all looks
 * together: a single look's is higher, because several looks share the error.
 */
export function verdictSentence(evidence: Pick<GateEvidence, 'decision' | 'policy'>): string {
  const { decision, policy } = evidence;
  const criterion = decidingCriterion(decision);
  if (criterion === undefined) return `${decision.verdict}.`;
  const { subject, show, unit, limit } = wordings[criterion.name];
  const looks = policy.looks.length > 1 ? ` (look ${decision.look} of ${policy.looks.length})` : '';
  const measured = `${subject(policy)} ${show(criterion.estimate)}${unit} over ${criterion.articles} articles${looks}`;
  const against = `${limit} ${show(criterion.limit)}`;
  const [lower, upper] = [show(criterion.lowerBound), show(criterion.upperBound)];
  if (decision.verdict === 'INCONCLUSIVE') {
    const confidence = `${Number((100 * (1 - policy.alpha)).toFixed(2))} % confidence${looks && ' over all looks'}`;
    const bounds = `its bounds, ${lower} and ${upper}, each at ${confidence}, lie on both sides of ${against}`;
    return `${measured}; ${bounds}. ${whatNext(evidence)}`;
  }
  const isAbove = (decision.verdict === 'PASS') === (criterion.good === 'above');
  return isAbove
    ? `${measured}; its lower bound, ${lower}, is above ${against}.`
    : `${measured}; its upper bound, ${upper}, is below ${against}.`;
}
