import { cancellationSignal } from '@temporalio/activity';
import { AGREEMENT_FILE, agreementSchema, EVALUATION_FILE, evaluationSchema } from '../contracts/evaluation.js';
import { EVIDENCE_FILE, EVIDENCE_PAGE, type GateEvidence, gateEvidence } from '../contracts/gate.js';
import type { GateSummary } from '../contracts/pipeline.js';
import type { StepOutcome, StepRequest } from '../contracts/steps.js';
import type { EvaluateGateInput } from '../gate/evaluate.js';
import { verdictSentence } from '../gate/verdict-sentence.js';
import { readRows } from '../platform/dataset-rows.js';
import { evidencePageUrl } from '../platform/evidence-url.js';
import { gatePolicy } from '../toolchains/gate-policy.js';
import { attestGate } from './attest-gate.js';
import { decideGate } from './decide-gate.js';
import type { ActivityDependencies } from './dependencies.js';
import { makeArtifact } from './make-artifact.js';
import { readArtifactJson } from './read-artifact.js';
import { writeArtifact } from './write-artifact.js';

/** Compares the candidate with its baseline on all that was seen by a look, and keeps the evidence as JSON and as a page. */
export const createGate =
  (dependencies: ActivityDependencies) =>
  async (request: StepRequest): Promise<StepOutcome & { summary: GateSummary }> => {
    const { configuration, store } = dependencies;
    const { spec } = request.admitted;
    const outcome = await makeArtifact(request, dependencies, async (context) => {
      const look = lookOf(request);
      const shards = await readShards(dependencies, request, look.number, context.inputs);
      const dataset = await store.materialize({ digest: context.inputs.evaluationDataset ?? '' });
      const rows = await readRows(dataset, {
        kind: spec.gate.dataset.kind,
        split: 'test',
        rows: Array.from({ length: look.articles }, (_, row) => row),
      });
      const input = { policy: gatePolicy(spec), look: look.number, shards, rows };
      const { evidence, page } = await decideGate(input, cancellationSignal());
      return writeArtifact(dependencies, context, {
        [EVIDENCE_FILE]: `${JSON.stringify(evidence, null, 2)}\n`,
        [EVIDENCE_PAGE]: page,
      });
    });
    const { digest } = outcome.artifact;
    const evidence = await readArtifactJson(store, { digest, file: EVIDENCE_FILE, schema: gateEvidence });
    const { engine } = request.inputs;
    if (engine !== undefined) await attestGate(dependencies, { engine, evidence: digest, decided: evidence });
    return { ...outcome, summary: summarize(evidence, evidencePageUrl(configuration, digest)) };
  };

function lookOf({ admitted, step }: StepRequest) {
  const look = admitted.looks.find(({ number }) => step === `gate-${number}`);
  if (look === undefined) throw new Error(`step ${step} is no look of the gate`);
  return look;
}

function readShards(
  { store }: Pick<ActivityDependencies, 'store'>,
  { admitted }: StepRequest,
  look: number,
  inputs: Record<string, string>,
): Promise<EvaluateGateInput['shards']> {
  const evaluation = (digest = '') =>
    readArtifactJson(store, { digest, file: EVALUATION_FILE, schema: evaluationSchema });
  const agreement = (digest: string) =>
    readArtifactJson(store, { digest, file: AGREEMENT_FILE, schema: agreementSchema });
  const seen = admitted.looks.filter(({ number }) => number <= look).flatMap(({ shards }) => shards);
  return Promise.all(
    seen.map(async ({ index }) => {
      const compared = inputs[`agreement-${index}`];
      return {
        candidate: await evaluation(inputs[`candidate-${index}`]),
        baseline: await evaluation(inputs[`baseline-${index}`]),
        agreement: compared === undefined ? null : await agreement(compared),
      };
    }),
  );
}

/** @param page where the evidence can be read */
function summarize(evidence: GateEvidence, page: string | null): GateSummary {
  const { decision, policy, means } = evidence;
  const [margin] = decision.criteria;
  if (margin === undefined) throw new Error('the evidence has no margin');
  return {
    verdict: decision.verdict,
    reason: verdictSentence(evidence),
    metric: policy.metric,
    look: decision.look,
    looks: policy.looks.length,
    articles: decision.articles,
    meanDifference: margin.estimate,
    lowerBound: margin.lowerBound,
    upperBound: margin.upperBound,
    marginPoints: -margin.limit,
    scores: means,
    criteria: decision.criteria,
    page,
  };
}
