import { EVALUATION_FILE, evaluationSchema } from '../contracts/evaluation.js';
import { EVIDENCE_FILE, EVIDENCE_PAGE, type GateEvidence, gateEvidence } from '../contracts/gate.js';
import type { GateSummary } from '../contracts/pipeline.js';
import type { StepOutcome, StepRequest } from '../contracts/steps.js';
import { evaluateGate } from '../gate/evaluate.js';
import { renderEvidenceMarkdown } from '../gate/evidence-markdown.js';
import { verdictSentence } from '../gate/verdict-sentence.js';
import { readReferences } from '../platform/dataset-rows.js';
import { gatePolicy } from '../toolchains/gate-policy.js';
import type { ActivityDependencies } from './dependencies.js';
import { makeArtifact } from './make-artifact.js';
import { readArtifactJson } from './read-artifact.js';
import { writeArtifact } from './write-artifact.js';

/** Compares the candidate's texts with the baseline's, and keeps the evidence as JSON and as a page. */
export const createGate =
  (dependencies: ActivityDependencies) =>
  async (request: StepRequest): Promise<StepOutcome & { summary: GateSummary }> => {
    const { store } = dependencies;
    const outcome = await makeArtifact(request, dependencies, async (context) => {
      const { candidate, baseline, evaluationDataset } = context.inputs;
      const read = (digest = '') =>
        readArtifactJson(store, { digest, file: EVALUATION_FILE, schema: evaluationSchema });
      const [candidateTexts, baselineTexts, dataset] = await Promise.all([
        read(candidate),
        read(baseline),
        store.materialize({ digest: evaluationDataset ?? '' }),
      ]);
      const rows = candidateTexts.summaries.map(({ row }) => row);
      const evidence = evaluateGate({
        candidate: candidateTexts.summaries,
        baseline: baselineTexts.summaries,
        references: await readReferences(dataset, { split: 'test', config: '3.0.0', rows }),
        policy: gatePolicy(request.admitted.spec.gate),
        printedScores: { candidate: candidateTexts.printedScores, baseline: baselineTexts.printedScores },
      });
      return writeArtifact(dependencies, context, {
        [EVIDENCE_FILE]: `${JSON.stringify(evidence, null, 2)}\n`,
        [EVIDENCE_PAGE]: renderEvidenceMarkdown(evidence),
      });
    });
    const { digest } = outcome.artifact;
    return {
      ...outcome,
      summary: summarize(await readArtifactJson(store, { digest, file: EVIDENCE_FILE, schema: gateEvidence })),
    };
  };

const summarize = (evidence: GateEvidence): GateSummary => {
  const { verdict, articles, meanDifference, lowerBound, upperBound, marginPoints } = evidence.decision;
  return {
    verdict,
    reason: verdictSentence(evidence),
    metric: evidence.policy.metric,
    articles,
    meanDifference,
    lowerBound,
    upperBound,
    marginPoints,
    scores: evidence.means,
  };
};
