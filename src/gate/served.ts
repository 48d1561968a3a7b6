import type { ServedGateReport } from '../contracts/deployment.js';
import type { DatasetRow, GeneratedText } from '../contracts/evaluation.js';
import { type Criterion, type JudgedText, marginOf } from '../contracts/gate.js';
import type { Spec } from '../contracts/spec.js';
import { byRow, itemAt } from './by-row.js';
import { judgeDegenerateTexts } from './criteria/degenerate-texts.js';
import { judgeMargin, marginInPoints } from './criteria/margin.js';
import { judgeText } from './judge-text.js';
import { meanScores } from './mean-scores.js';
import { signedPoints } from './verdict-sentence.js';

export interface EvaluateServedInput {
  gate: Spec['gate'];
  /** One-sided error of each bound: one look, so all of it. */
  alpha: number;
  /** What the candidate's engine answered without Triton; may hold more rows than were served. */
  engineTexts: readonly GeneratedText[];
  /** What it answered through Triton. */
  servedTexts: readonly GeneratedText[];
  /** May hold more rows than were served. */
  rows: readonly DatasetRow[];
}

/** Differences of ROUGE points that no evidence narrows: the bounds of too few texts. */
const anyDifference = { lowerBound: -100, upperBound: 100 };

function degenerateSentence({ estimate, articles }: Criterion): string {
  const percent = `${Math.round(100 * estimate)} % more`;
  return `Of ${articles} texts, ${percent} are empty, endless or in another language through Triton than from the engine.`;
}

function marginSentence(margin: Criterion, metric: string, identical: string): string {
  const measured = `${metric} through Triton differs by ${signedPoints(margin.estimate)} points from the engine’s over ${margin.articles} texts`;
  const limit = `the margin of ${signedPoints(margin.limit)}`;
  const bounds = {
    PASS: `its lower bound, ${signedPoints(margin.lowerBound)}, is above ${limit}`,
    FAIL: `its upper bound, ${signedPoints(margin.upperBound)}, is below ${limit}`,
    INCONCLUSIVE: `it lies between ${signedPoints(margin.lowerBound)} and ${signedPoints(margin.upperBound)}, on both sides of ${limit}`,
  };
  return `${measured} (${identical}); ${bounds[margin.outcome]}.`;
}

/**
 * The gate on the served candidate: what it answers through Triton against what its engine answers alone, held to the same
 * margin (a share refers to the engine's mean score) and to the same test for degenerate texts, in one look. It catches
 * what no evaluation of an engine can: faults of tokenizer, template and stop tokens.
 *
 * @throws EvaluationInvalid when a served row has no engine text or no reference, or comes twice
 */
export function evaluateServed(input: EvaluateServedInput): ServedGateReport {
  const { metric } = input.gate;
  const margin = marginOf(input.gate);
  const [engineTexts, rows] = [
    byRow('engine’s evaluation', input.engineTexts),
    byRow('list of references', input.rows),
  ];
  const pairs = [...byRow('served texts', input.servedTexts).values()].map(({ row, text }) => {
    const asked = itemAt(rows, row, 'list of references');
    const engine = judgeText(itemAt(engineTexts, row, 'engine’s evaluation').text, asked);
    return { engine, served: judgeText(text, asked) };
  });
  const scores = {
    engine: meanScores(pairs.map(({ engine }) => engine.scores)),
    served: meanScores(pairs.map(({ served }) => served.scores)),
  };
  const articles = pairs.length;
  const identicalTexts = pairs.filter(({ engine, served }) => engine.text === served.text).length;
  const report = { articles, identicalTexts, scores };
  const marginPoints = marginInPoints(margin, scores.engine[metric]);
  const inconclusive = (reason: string): ServedGateReport => ({
    verdict: 'INCONCLUSIVE',
    reason,
    ...report,
    meanDifference: scores.served[metric] - scores.engine[metric],
    ...anyDifference,
    marginPoints,
  });
  if (articles < 2)
    return inconclusive(
      `Only ${articles} of the questions fit what is served: two at least are needed to compare it with its engine.`,
    );
  const isDegenerate = ({ degenerations }: JudgedText) => degenerations.length > 0;
  const degenerate = judgeDegenerateTexts(
    pairs.map(({ engine, served }) => ({ baseline: isDegenerate(engine), candidate: isDegenerate(served) })),
    input.alpha,
  );
  const isFailed = degenerate.outcome === 'FAIL';
  if (!(marginPoints > 0)) {
    // The gate itself had more answers, some of which score; of so few, none may.
    const unjudged = inconclusive(
      `The engine’s ${articles} answers score ${scores.engine[metric]} by ${metric}, so that a share of it allows nothing (${identicalTexts} are the same).`,
    );
    return isFailed ? { ...unjudged, verdict: 'FAIL', reason: degenerateSentence(degenerate) } : unjudged;
  }
  const differences = pairs.map(({ engine, served }) => served.scores[metric] - engine.scores[metric]);
  const judged = judgeMargin({ differences, baselineMean: scores.engine[metric], margin, alpha: input.alpha });
  return {
    verdict: isFailed ? 'FAIL' : judged.outcome,
    reason: isFailed
      ? degenerateSentence(degenerate)
      : marginSentence(judged, metric, `${identicalTexts} are the same`),
    ...report,
    meanDifference: judged.estimate,
    lowerBound: judged.lowerBound,
    upperBound: judged.upperBound,
    marginPoints: -judged.limit,
  };
}
