import type { Look } from '../contracts/admitted-spec.js';
import type { ArtifactReference } from '../contracts/artifacts.js';
import type { GateSummary } from '../contracts/pipeline.js';
import type { StepInputs } from '../contracts/steps.js';
import { allOrNone } from './all-or-none.js';
import type { Pipeline } from './pipeline.js';

/** What the evaluations read. */
export interface Compared {
  model: ArtifactReference;
  baselineModel: ArtifactReference;
  engine: ArtifactReference;
  /** Null where the baseline has no engine of its own. */
  baselineEngine: ArtifactReference | null;
  dataset: ArtifactReference;
  /** The shards of all looks, in order. */
  shards: ArtifactReference[];
}

/** What the looks came to. */
export interface Decided {
  evidence: ArtifactReference;
  summary: GateSummary;
  /** The candidate's answers to the first shard. */
  firstEvaluation: ArtifactReference;
}

/** Evaluates both sides look by look, each adding shards and repeating none, until the gate has decided or all is seen. */
export async function lookUntilDecided(pipeline: Pipeline, compared: Compared): Promise<Decided> {
  // The engine is no part of the gate's key: what the gate decides is stated of it.
  const gateInputs: StepInputs = { evaluationDataset: compared.dataset.digest, engine: compared.engine.digest };
  let decided: Decided | undefined;
  for (const look of pipeline.admitted.looks) {
    pipeline.enterPhase('evaluate');
    const seen = await allOrNone(look.shards.map((shard) => () => evaluateShard(pipeline, compared, shard)));
    Object.assign(gateInputs, ...seen.map(({ inputs }) => inputs));
    pipeline.enterPhase('gate');
    const firstEvaluation: ArtifactReference | undefined = decided?.firstEvaluation ?? seen[0]?.candidate;
    if (firstEvaluation === undefined) break;
    decided = { ...(await pipeline.gate(look.number, { ...gateInputs })), firstEvaluation };
    if (decided.summary.verdict !== 'INCONCLUSIVE') break;
  }
  if (decided === undefined) throw new Error('the admitted spec has no look with a shard');
  return decided;
}

/** Both sides' answers to one shard, and how far the engines agree on the baseline's. */
async function evaluateShard(
  pipeline: Pipeline,
  { model, baselineModel, engine, baselineEngine, shards }: Compared,
  { index }: Look['shards'][number],
): Promise<{ candidate: ArtifactReference; inputs: StepInputs }> {
  const { comparesEngines, pinnedEvaluations, baselineReadsEngine = false } = pipeline.admitted;
  const evaluationDataset = shards[index - 1]?.digest ?? '';
  const pinned = pinnedEvaluations[index - 1];
  const [candidate, baseline] = await allOrNone([
    () =>
      pipeline.make(`evaluation-${index}`, 'evaluate', {
        engine: engine.digest,
        model: model.digest,
        evaluationDataset,
      }),
    async () =>
      pinned ??
      pipeline.make(`baseline-evaluation-${index}`, 'evaluate', {
        ...(baselineEngine === null ? {} : { engine: baselineEngine.digest }),
        ...(baselineReadsEngine ? { engine: engine.digest } : {}),
        model: baselineModel.digest,
        evaluationDataset,
      }),
  ]);
  const agreement = comparesEngines
    ? await pipeline.make(`agreement-${index}`, 'compareEngines', {
        engine: engine.digest,
        ...(baselineEngine === null
          ? { baselineModel: baselineModel.digest }
          : { baselineEngine: baselineEngine.digest }),
        model: model.digest,
        evaluationDataset,
        baselineEvaluation: baseline.digest,
      })
    : null;
  return {
    candidate,
    inputs: {
      [`candidate-${index}`]: candidate.digest,
      [`baseline-${index}`]: baseline.digest,
      ...(agreement === null ? {} : { [`agreement-${index}`]: agreement.digest }),
    },
  };
}
