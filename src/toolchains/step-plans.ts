import { type AdmittedSpec, type PinnedSource, samePin } from '../contracts/admitted-spec.js';
import type { JsonObject } from '../contracts/canonical-json.js';
import { GATE_POLICY_VERSION } from '../contracts/gate.js';
import type { StepActivityName, StepId } from '../contracts/steps.js';
import { CPU_TASK_QUEUE, gpuTaskQueue } from '../contracts/task-queues.js';
import { candidateEngine, lookSteps, shardSteps } from './gate-steps.js';
import { isConverted } from './quantization-formats.js';
import { findRelease } from './releases.js';
import { ENSEMBLE_TEMPLATE, POSTPROCESSING_INSTANCES } from './serving-templates.js';
import { checkpointCommand } from './side-commands.js';
import { type Side, specOfSide, worldSizeOf } from './sides.js';
import { type StepPlan, toolStep, withoutTool } from './step-plan.js';
import { trtllmBuildCommand } from './trtllm-build.js';

/** Version of each step's output contract. A change to what a step writes, or how it is checked, raises it. */
export const stepVersions: Record<StepActivityName, number> = {
  download: 1,
  quantize: 1,
  convert: 1,
  build: 1,
  sliceDataset: 1,
  evaluate: 2,
  compareEngines: 1,
  gate: GATE_POLICY_VERSION,
  describeServing: 2,
};

/** The release whose templates a key without one means. */
const FIRST_SERVED_RELEASE = 'v0.10.0';

/** Where the steps of a pipeline find what several of them read. */
interface Sources {
  baselineModel: StepId;
  calibrationDataset: StepId;
}

function sourcesOf({ model, baselineModel, evaluationDataset, calibrationDataset }: AdmittedSpec): Sources {
  const ownCalibration = calibrationDataset !== null && !samePin(calibrationDataset, evaluationDataset);
  return {
    baselineModel: samePin(model, baselineModel) ? 'model' : 'baseline-model',
    calibrationDataset: ownCalibration ? 'calibration-dataset' : 'dataset',
  };
}

function downloads(admitted: AdmittedSpec, sources: Sources): StepPlan[] {
  const download = (id: StepId, kind: 'model' | 'dataset', source: PinnedSource): StepPlan => ({
    ...withoutTool,
    id,
    activity: 'download',
    artifact: kind,
    inputs: {},
    parameters: { kind, ...source },
  });
  const { model, baselineModel, evaluationDataset, calibrationDataset } = admitted;
  return [
    download('model', 'model', model),
    ...(sources.baselineModel === 'model' ? [] : [download('baseline-model', 'model', baselineModel)]),
    download('dataset', 'dataset', evaluationDataset),
    ...(calibrationDataset === null || sources.calibrationDataset === 'dataset'
      ? []
      : [download('calibration-dataset', 'dataset', calibrationDataset)]),
  ];
}

/** Checkpoint and engine of one side. */
function engineOf(admitted: AdmittedSpec, side: Side, sources: Sources): StepPlan[] {
  const spec = specOfSide(admitted.spec, side);
  const prefix = side === 'candidate' ? '' : 'baseline-';
  const model = side === 'candidate' ? 'model' : sources.baselineModel;
  const builders = Math.min(spec.build.workers, worldSizeOf(spec));
  const checkpoint =
    side === 'candidate' && admitted.checkpointActivity === 'quantize'
      ? {
          ...toolStep({
            id: 'checkpoint',
            activity: 'quantize',
            artifact: 'checkpoint',
            queue: gpuTaskQueue(spec.gpuClass, spec.quantization.gpus),
            gpus: spec.quantization.gpus,
            inputs: {
              model,
              ...(admitted.calibrationDataset ? { calibrationDataset: sources.calibrationDataset } : {}),
            },
            command: checkpointCommand(spec),
          }),
          architectureBound: isConverted(spec.quantization.format),
        }
      : toolStep({
          id: `${prefix}checkpoint`,
          activity: 'convert',
          artifact: 'checkpoint',
          queue: CPU_TASK_QUEUE,
          gpus: 0,
          inputs: { model },
          command: checkpointCommand(spec),
        });
  const start = side === 'candidate' ? admitted.start : undefined;
  if (start?.kind === 'engine') return [];
  const engine = toolStep({
    id: `${prefix}engine`,
    activity: 'build',
    artifact: 'engine',
    queue: gpuTaskQueue(spec.gpuClass, builders),
    gpus: builders,
    inputs: { checkpoint: start === undefined ? `${prefix}checkpoint` : { pinned: start.digest } },
    command: trtllmBuildCommand(spec),
  });
  return start === undefined ? [checkpoint, engine] : [engine];
}

/**
 * What the templates are filled with beside what every key of this step names. What is at its default is left out: keys
 * that were made before it could be asked for still name the same artifact.
 */
function furtherServingParameters({ serving, build, toolchain }: AdmittedSpec['spec']): JsonObject {
  const { instances, kvCacheReuse, chunkedContext, maxTokensInKvCache, maxAttentionWindowTokens, schedulerPolicy } =
    serving;
  const { release } = findRelease(toolchain);
  return {
    ...(release === FIRST_SERVED_RELEASE ? {} : { release }),
    // There were as many of it as of the others: what was described so is not found any more.
    ...(instances === POSTPROCESSING_INSTANCES ? {} : { postprocessingInstances: POSTPROCESSING_INSTANCES }),
    ...(build.multiBlockMode === undefined ? {} : { multiBlockMode: build.multiBlockMode }),
    ...(build.contextFmhaFp32Accumulation === undefined
      ? {}
      : { contextFmhaFp32Accumulation: build.contextFmhaFp32Accumulation }),
    ...(kvCacheReuse ? { kvCacheReuse } : {}),
    ...(chunkedContext ? { chunkedContext } : {}),
    ...(maxTokensInKvCache === undefined ? {} : { maxTokensInKvCache }),
    ...(maxAttentionWindowTokens === undefined ? {} : { maxAttentionWindowTokens }),
    ...(schedulerPolicy === undefined ? {} : { schedulerPolicy }),
  };
}

/**
 * Every step of a pipeline in an order in which its inputs come first; those of a later look run only while the gate is
 * undecided. Where candidate and baseline, or calibration and evaluation, pin the same source, it is one step.
 */
export function planSteps(admitted: AdmittedSpec): StepPlan[] {
  const { spec } = admitted;
  const sources = sourcesOf(admitted);
  return [
    ...downloads(admitted, sources),
    ...shardSteps(admitted),
    ...engineOf(admitted, 'candidate', sources),
    ...(spec.gate.baseline.source === 'engine' ? engineOf(admitted, 'baseline', sources) : []),
    ...admitted.looks.flatMap((look) => lookSteps(admitted, sources.baselineModel, look)),
    {
      ...withoutTool,
      id: 'serving-parameters',
      activity: 'describeServing',
      artifact: 'serving-parameters',
      inputs: { engine: candidateEngine(admitted), model: 'model' },
      parameters: {
        template: ENSEMBLE_TEMPLATE,
        tritonBackend: findRelease(spec.toolchain).tritonBackend,
        instances: spec.serving.instances,
        maxQueueDelayMicroseconds: spec.serving.maxQueueDelayMicroseconds,
        kvCacheFreeGpuMemoryFraction: spec.serving.kvCacheFreeGpuMemoryFraction,
        accumulateTokens: spec.serving.accumulateTokens,
        ...furtherServingParameters(spec),
      },
    },
  ];
}
