import type { GateEvidence } from '../contracts/gate.js';
import { rougeMetrics } from '../contracts/spec.js';
import { intervalBar } from './interval-bar.js';
import { signedPoints, verdictSentence } from './verdict-sentence.js';

const longestCellCharacters = 700;
const worstArticles = 5;

/**
 * Generated text may hold anything: each character that Markdown or HTML could act on is escaped, and line breaks become
 * `<br>`, so that it stays in its table cell and shows as it was written.
 */
export function escapeTableCell(text: string): string {
  const characters = [...text];
  const shown = characters.slice(0, longestCellCharacters).join('');
  const escaped = shown
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/[\\`*_{}[\]()#|~!:$@-]/g, '\\$&')
    .replace(/\r\n|[\n\r\u2028\u2029]/g, '<br>')
    .replace(/[\p{Cc}\p{Cf}]/gu, '�');
  return characters.length > longestCellCharacters ? `${escaped} …` : escaped || '(empty)';
}

const row = (...cells: string[]) => `| ${cells.join(' | ')} |`;

function metricsTable({ means, policy }: GateEvidence): string {
  const lines = rougeMetrics.map((metric) => {
    const [baseline, candidate] = [means.baseline[metric], means.candidate[metric]];
    const name = metric === policy.metric ? `**${metric}** (decides)` : metric;
    return row(name, baseline.toFixed(1), candidate.toFixed(1), signedPoints(candidate - baseline));
  });
  return [row('metric', 'baseline', 'candidate', 'difference'), row('---', '--:', '--:', '--:'), ...lines].join('\n');
}

function decisionTable({ decision, policy }: GateEvidence): string {
  const { margin } = policy;
  const margins = margin.kind === 'share' ? ` (${Number((100 * margin.value).toFixed(2))} % of the baseline)` : '';
  return [
    row('decision', 'points'),
    row('---', '--:'),
    row('mean difference', signedPoints(decision.meanDifference)),
    row('standard deviation over articles', decision.standardDeviation.toFixed(1)),
    row('lower bound', signedPoints(decision.lowerBound)),
    row('upper bound', signedPoints(decision.upperBound)),
    row(`margin${margins}`, signedPoints(-decision.marginPoints)),
  ].join('\n');
}

function printedSentences({ printed }: GateEvidence): string[] {
  return (['baseline', 'candidate'] as const).flatMap((side) => {
    const check = printed[side];
    if (check === undefined) return [];
    const scores = rougeMetrics.map((metric) => `${metric} ${check.scores[metric].toFixed(1)}`).join(', ');
    const way = check.stemmer ? 'stems' : 'words, not stems';
    return [
      `- ${side}: summarize.py printed ${scores} (a bootstrap aggregate over ${way}); computed its way from the texts, ` +
        `the largest gap is ${check.largestGapPoints.toFixed(2)} points.`,
    ];
  });
}

function worstTable({ articles, policy }: GateEvidence): string {
  const worst = articles.toSorted((left, right) => left.difference - right.difference).slice(0, worstArticles);
  const score = (value: number, text: string) => `**${value.toFixed(1)}** ${escapeTableCell(text)}`;
  const lines = worst.map(({ row: datasetRow, reference, baseline, candidate, difference }) =>
    row(
      `${datasetRow}`,
      signedPoints(difference),
      escapeTableCell(reference),
      score(baseline.scores[policy.metric], baseline.text),
      score(candidate.scores[policy.metric], candidate.text),
    ),
  );
  const header = row('row', 'difference', 'reference', 'baseline', 'candidate');
  return [header, row('--:', '--:', '---', '---', '---'), ...lines].join('\n');
}

const recompute = ({ policy, decision }: GateEvidence) => `\`\`\`python
# pip install rouge-score==0.1.2 scipy; evidence.json lies beside this page
import json, math, statistics
from rouge_score.rouge_scorer import RougeScorer
from scipy.stats import t

scorer = RougeScorer(['${policy.metric}'], use_stemmer=True)
score = lambda article, side: 100 * scorer.score(article['reference'], article[side]['text'])['${policy.metric}'].fmeasure
articles = json.load(open('evidence.json'))['articles']
differences = [score(a, 'candidate') - score(a, 'baseline') for a in articles]
mean, spread = statistics.mean(differences), statistics.stdev(differences)
distance = t.ppf(${1 - decision.alpha}, len(differences) - 1) * spread / math.sqrt(len(differences))
print(mean - distance, mean, mean + distance)
\`\`\``;

/** A page for people: the verdict, the numbers behind it, the articles that suffered most, and how to compute it again. */
export function renderEvidenceMarkdown(evidence: GateEvidence): string {
  const { decision, policy } = evidence;
  return [
    `# Gate: ${decision.verdict}`,
    verdictSentence(evidence),
    metricsTable(evidence),
    `Means of ROUGE F1 in points over the same ${decision.articles} articles on both sides, words stemmed.`,
    '## The decision',
    decisionTable(evidence),
    `\`\`\`text\n${intervalBar(decision)}\n\`\`\``,
    '`●` mean difference, `├` and `┤` its bounds, `╎` the margin, `0` no difference. The gate passes when the whole ' +
      'interval lies right of the margin, fails when it lies left of it, and is inconclusive otherwise. Each bound is a ' +
      `one-sided Student t bound of the paired differences (candidate − baseline) at ${policy.alpha}.`,
    `## The ${Math.min(worstArticles, evidence.articles.length)} articles that lost most`,
    worstTable(evidence),
    '## What the tool printed',
    printedSentences(evidence).join('\n') || 'The printed scores of summarize.py were not at hand.',
    '## Compute it again',
    recompute(evidence),
  ]
    .join('\n\n')
    .concat('\n');
}
