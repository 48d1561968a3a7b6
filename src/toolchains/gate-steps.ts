import type { AdmittedSpec, Look } from '../contracts/admitted-spec.js';
import type { Spec } from '../contracts/spec.js';
import type { StepId } from '../contracts/steps.js';
import { gpuTaskQueue } from '../contracts/task-queues.js';
import { compareEnginesCommand } from './compare-engines.js';
import { gatePolicy } from './gate-policy.js';
import { evaluationCommand } from './side-commands.js';
import { type Side, specOfSide, worldSizeOf } from './sides.js';
import { type StepPlan, toolStep, withoutTool } from './step-plan.js';

const shardsOf = (looks: readonly Look[]): Look['shards'] => looks.flatMap(({ shards }) => shards);

/** Each shard as a dataset of its own: summarize.py reads a test split from its start, and knows no offset. */
export const shardSteps = ({ looks, spec }: AdmittedSpec): StepPlan[] =>
  shardsOf(looks).map(({ index, from, count }) => ({
    ...withoutTool,
    id: `shard-${index}`,
    activity: 'sliceDataset',
    artifact: 'dataset',
    inputs: { evaluationDataset: 'dataset' },
    parameters: { kind: spec.gate.dataset.kind, from, count },
  }));

/** The engine that the candidate is judged by: the one that is built, or the one that it starts from. */
export const candidateEngine = ({ start }: Pick<AdmittedSpec, 'start'>): StepId | { pinned: string } =>
  start?.kind === 'engine' ? { pinned: start.digest } : 'engine';

const isHuggingFace = ({ gate }: Spec, side: Side): boolean =>
  side === 'baseline' && gate.baseline.source === 'huggingface';

/** GPUs that run one side: one a rank of its engine, or as many as hold the model without one. */
const gpusOf = (spec: Spec, side: Side): number =>
  isHuggingFace(spec, side) ? spec.quantization.gpus : worldSizeOf(specOfSide(spec, side));

/** The engine that an evaluation reads. The model itself may need one too: the candidate's is there whatever the baseline is. */
function engineOfSide(admitted: AdmittedSpec, side: Side): StepId | { pinned: string } | null {
  const { spec } = admitted;
  if (side === 'candidate') return candidateEngine(admitted);
  if (!isHuggingFace(spec, side)) return 'baseline-engine';
  return admitted.baselineReadsEngine ? candidateEngine(admitted) : null;
}

/** What one side answers to each shard of a look. */
function evaluationsOf(admitted: AdmittedSpec, side: Side, baselineModel: StepId, { shards }: Look): StepPlan[] {
  const spec = specOfSide(admitted.spec, side);
  const prefix = side === 'candidate' ? '' : 'baseline-';
  const model = side === 'candidate' ? 'model' : baselineModel;
  const engine = engineOfSide(admitted, side);
  const gpus = gpusOf(admitted.spec, side);
  return shards.map(({ index, count }) =>
    toolStep({
      id: `${prefix}evaluation-${index}`,
      activity: 'evaluate',
      artifact: 'evaluation',
      queue: gpuTaskQueue(spec.gpuClass, gpus),
      gpus,
      inputs: {
        ...(engine === null ? {} : { engine }),
        model,
        evaluationDataset: `shard-${index}`,
      },
      command: evaluationCommand(admitted.spec, side, count),
    }),
  );
}

function comparisons(admitted: AdmittedSpec, baselineModel: StepId, { shards }: Look): StepPlan[] {
  const { spec, comparesEngines } = admitted;
  if (!comparesEngines) return [];
  const gpus = Math.max(gpusOf(spec, 'candidate'), gpusOf(spec, 'baseline'));
  return shards.map(({ index }) =>
    toolStep({
      id: `agreement-${index}`,
      activity: 'compareEngines',
      artifact: 'agreement',
      queue: gpuTaskQueue(spec.gpuClass, gpus),
      gpus,
      inputs: {
        engine: candidateEngine(admitted),
        ...(isHuggingFace(spec, 'baseline') ? { baselineModel: baselineModel } : { baselineEngine: 'baseline-engine' }),
        model: 'model',
        evaluationDataset: `shard-${index}`,
        baselineEvaluation: `baseline-evaluation-${index}`,
      },
      command: compareEnginesCommand(spec),
    }),
  );
}

/** The decision of a look, over all that was seen by then. */
function gateOf({ spec, looks, pinnedEvaluations, comparesEngines }: AdmittedSpec, { number }: Look): StepPlan {
  const inputs: StepPlan['inputs'] = {};
  for (const { index } of shardsOf(looks.slice(0, number))) {
    const pinned = pinnedEvaluations[index - 1];
    inputs[`candidate-${index}`] = `evaluation-${index}`;
    inputs[`baseline-${index}`] = pinned === undefined ? `baseline-evaluation-${index}` : { pinned: pinned.digest };
    if (comparesEngines) inputs[`agreement-${index}`] = `agreement-${index}`;
  }
  return {
    ...withoutTool,
    id: `gate-${number}`,
    activity: 'gate',
    artifact: 'gate-evidence',
    inputs: { ...inputs, evaluationDataset: 'dataset' },
    parameters: { policy: { ...gatePolicy(spec) }, look: number, kind: spec.gate.dataset.kind },
  };
}

/**
 * What a look adds: both sides' answers, how far the engines agree, and the decision.
 * @param baselineModel the step that fetches the model of the baseline
 */
export const lookSteps = (admitted: AdmittedSpec, baselineModel: StepId, look: Look): StepPlan[] => [
  ...evaluationsOf(admitted, 'candidate', baselineModel, look),
  ...(admitted.spec.gate.baseline.source === 'evaluations'
    ? []
    : evaluationsOf(admitted, 'baseline', baselineModel, look)),
  ...comparisons(admitted, baselineModel, look),
  gateOf(admitted, look),
];
