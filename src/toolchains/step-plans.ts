import { type AdmittedSpec, type PinnedSource, samePin } from '../contracts/admitted-spec.js';
import type { ArtifactKind } from '../contracts/artifacts.js';
import type { JsonObject } from '../contracts/canonical-json.js';
import { GATE_POLICY_VERSION } from '../contracts/gate.js';
import type { InputRole, StepActivityName, StepId } from '../contracts/steps.js';
import { CPU_TASK_QUEUE, gpuTaskQueue } from '../contracts/task-queues.js';
import { type CommandTemplate, semanticParameters } from './command.js';
import { convertCheckpointCommand } from './convert-checkpoint.js';
import { gatePolicy } from './gate-policy.js';
import { quantizeCommand } from './quantize.js';
import { findRelease } from './releases.js';
import { ENSEMBLE_TEMPLATE } from './serving-templates.js';
import { summarizeCommand } from './summarize.js';
import { trtllmBuildCommand } from './trtllm-build.js';

/** One step as it will run, but for what belongs to an attempt. */
export interface StepPlan {
  id: StepId;
  activity: StepActivityName;
  artifact: ArtifactKind;
  queue: string;
  /** GPUs that it leases. */
  gpus: number;
  /** Which step makes what it reads, by role. */
  inputs: Partial<Record<InputRole, StepId>>;
  /** What changes its output and is no input: part of its key. */
  parameters: JsonObject;
  /** Whether the toolchain made the output, so that its identity is part of the key. */
  usesToolchain: boolean;
  /** Whether the output only works on the GPU architecture that made it. */
  architectureBound: boolean;
  /** Null for a step that runs no tool. */
  command: CommandTemplate | null;
}

/** Version of each step's output contract. A change to what a step writes, or how it is checked, raises it. */
export const stepVersions: Record<StepActivityName, number> = {
  download: 1,
  quantize: 1,
  convert: 1,
  build: 1,
  evaluate: 1,
  gate: GATE_POLICY_VERSION,
  describeServing: 1,
};

const download = (id: StepId, kind: 'model' | 'dataset', source: PinnedSource): StepPlan => ({
  id,
  activity: 'download',
  artifact: kind,
  queue: CPU_TASK_QUEUE,
  gpus: 0,
  inputs: {},
  parameters: { kind, ...source },
  usesToolchain: false,
  architectureBound: false,
  command: null,
});

const tool = (
  step: Pick<StepPlan, 'id' | 'activity' | 'artifact' | 'queue' | 'gpus' | 'inputs'> & { command: CommandTemplate },
): StepPlan => ({
  ...step,
  parameters: semanticParameters(step.command),
  usesToolchain: true,
  architectureBound: step.activity === 'build',
});

/** The steps of one side of the comparison: checkpoint, engine, evaluation. */
function branch(
  admitted: AdmittedSpec,
  prefix: '' | 'baseline-',
  model: StepId,
  calibrationDataset: StepId,
): StepPlan[] {
  const { spec } = admitted;
  const queue = (gpus: number): string => gpuTaskQueue(spec.gpuClass, gpus);
  const worldSize = spec.parallelism.tensor * spec.parallelism.pipeline;
  const builders = Math.min(spec.build.workers, worldSize);
  const quantizes = prefix === '' && admitted.checkpointActivity === 'quantize';
  const checkpoint = quantizes
    ? tool({
        id: 'checkpoint',
        activity: 'quantize',
        artifact: 'checkpoint',
        queue: queue(spec.quantization.gpus),
        gpus: spec.quantization.gpus,
        inputs: { model, ...(admitted.calibrationDataset ? { calibrationDataset } : {}) },
        command: quantizeCommand(spec),
      })
    : tool({
        id: `${prefix}checkpoint`,
        activity: 'convert',
        artifact: 'checkpoint',
        queue: CPU_TASK_QUEUE,
        gpus: 0,
        inputs: { model },
        command: convertCheckpointCommand(spec),
      });
  return [
    checkpoint,
    tool({
      id: `${prefix}engine`,
      activity: 'build',
      artifact: 'engine',
      queue: queue(builders),
      gpus: builders,
      inputs: { checkpoint: `${prefix}checkpoint` },
      command: trtllmBuildCommand(spec),
    }),
    tool({
      id: `${prefix}evaluation`,
      activity: 'evaluate',
      artifact: 'evaluation',
      queue: queue(worldSize),
      gpus: worldSize,
      inputs: { engine: `${prefix}engine`, model, evaluationDataset: 'dataset' },
      command: summarizeCommand(spec),
    }),
  ];
}

/**
 * Every step of a pipeline in an order in which its inputs come first. Where candidate and baseline, or calibration and
 * evaluation, pin the same source, it is one step.
 */
export function planSteps(admitted: AdmittedSpec): StepPlan[] {
  const { spec, model, baselineModel, evaluationDataset, calibrationDataset } = admitted;
  const baseline: StepId = samePin(model, baselineModel) ? 'model' : 'baseline-model';
  const ownCalibration = calibrationDataset !== null && !samePin(calibrationDataset, evaluationDataset);
  const plain = { queue: CPU_TASK_QUEUE, gpus: 0, usesToolchain: false, architectureBound: false, command: null };
  return [
    download('model', 'model', model),
    ...(baseline === 'model' ? [] : [download('baseline-model', 'model', baselineModel)]),
    download('dataset', 'dataset', evaluationDataset),
    ...(ownCalibration ? [download('calibration-dataset', 'dataset', calibrationDataset)] : []),
    ...branch(admitted, '', 'model', ownCalibration ? 'calibration-dataset' : 'dataset'),
    ...branch(admitted, 'baseline-', baseline, 'dataset'),
    {
      ...plain,
      id: 'gate',
      activity: 'gate',
      artifact: 'gate-evidence',
      inputs: { candidate: 'evaluation', baseline: 'baseline-evaluation', evaluationDataset: 'dataset' },
      parameters: { policy: gatePolicy(spec.gate), articles: spec.gate.articles },
    },
    {
      ...plain,
      id: 'serving-parameters',
      activity: 'describeServing',
      artifact: 'serving-parameters',
      inputs: { engine: 'engine', model: 'model' },
      parameters: {
        template: ENSEMBLE_TEMPLATE,
        tritonBackend: findRelease(spec.toolchain).tritonBackend,
        instances: spec.serving.instances,
        maxQueueDelayMicroseconds: spec.serving.maxQueueDelayMicroseconds,
        kvCacheFreeGpuMemoryFraction: spec.serving.kvCacheFreeGpuMemoryFraction,
        accumulateTokens: spec.serving.accumulateTokens,
      },
    },
  ];
}
