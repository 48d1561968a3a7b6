import type { AdmittedSpec } from '../contracts/admitted-spec.js';
import type { FailureType } from '../contracts/failures.js';
import type { AppliedRemedy, RemedyKind, RemedyName } from '../contracts/remedies.js';
import type { Spec } from '../contracts/spec.js';
import type { StepActivityName, StepId } from '../contracts/steps.js';
import { calibrates } from './quantization-formats.js';
import { sideOf, specOfSide, worldSizeOf } from './sides.js';
import type { StepPlan } from './step-plan.js';
import { planSteps } from './step-plans.js';

/** A spec with a remedy in it, and what that changed. */
interface Change {
  spec: Spec;
  change: string;
}

/** What may be done about a failure of a step. */
interface Remedy {
  name: RemedyName;
  /** As the flags that it changes are tagged. */
  kind: RemedyKind;
  failures: readonly FailureType[];
  activity: StepActivityName;
  /** The spec with the remedy in it once more; null where nothing is left to change. */
  apply: (spec: Spec, step: StepId) => Change | null;
}

/** No shorter sample says anything about the scales of a model. */
const SHORTEST_SAMPLE_TOKENS = 128;

const half = (number: number): number => Math.floor(number / 2);

type Calibration = NonNullable<Spec['quantization']['calibration']>;

/** A change of the calibration, where there is one. */
const ofCalibration =
  (
    field: 'batchSize' | 'maxSequenceTokens',
    flag: string,
    { ifUnset, lowest }: { ifUnset: number; lowest: number },
  ): Remedy['apply'] =>
  (spec) => {
    const { quantization } = spec;
    const calibration: Calibration | undefined = calibrates(quantization) ? quantization.calibration : undefined;
    if (calibration === undefined) return null;
    const now = calibration[field] ?? ifUnset;
    const next = Math.max(lowest, half(now));
    if (next >= now) return null;
    return {
      spec: { ...spec, quantization: { ...quantization, calibration: { ...calibration, [field]: next } } },
      change: `${flag} ${now} → ${next}`,
    };
  };

/** Every remedy, in the order in which those for one failure are tried: what changes least comes first. */
export const remedies: readonly Remedy[] = [
  {
    name: 'fewerBuildWorkers',
    kind: 'execution',
    failures: ['HostOutOfMemory'],
    activity: 'build',
    apply: (spec, step) => {
      const now = Math.min(spec.build.workers, worldSizeOf(specOfSide(spec, sideOf(step))));
      if (now < 2) return null;
      return {
        spec: { ...spec, build: { ...spec.build, workers: half(now) } },
        change: `--workers ${now} → ${half(now)}`,
      };
    },
  },
  {
    name: 'smallerCalibrationBatch',
    kind: 'semantic',
    failures: ['GpuOutOfMemory'],
    activity: 'quantize',
    apply: ofCalibration('batchSize', '--batch_size', { ifUnset: 1, lowest: 1 }),
  },
  {
    name: 'shorterCalibrationSamples',
    kind: 'semantic',
    failures: ['GpuOutOfMemory'],
    activity: 'quantize',
    apply: ofCalibration('maxSequenceTokens', '--calib_max_seq_length', {
      ifUnset: 512,
      lowest: SHORTEST_SAMPLE_TOKENS,
    }),
  },
];

/** A step of an admitted spec, with the remedies that it runs under. */
export interface RemediedStep {
  admitted: AdmittedSpec;
  step: StepId;
  remedies?: readonly RemedyName[];
}

/** The admitted spec as a step runs it under its remedies, each applied as often as it is named. */
export function withRemedies({ admitted, step, remedies: names = [] }: RemediedStep): AdmittedSpec {
  const apply = (spec: Spec, name: RemedyName): Spec =>
    remedies.find((remedy) => remedy.name === name)?.apply(spec, step)?.spec ?? spec;
  return { ...admitted, spec: names.reduce(apply, admitted.spec) };
}

/** The plan of a step as it runs under its remedies; undefined where the pipeline has no such step. */
export const planRemedied = (remedied: RemediedStep): StepPlan | undefined =>
  planSteps(withRemedies(remedied)).find(({ id }) => id === remedied.step);

/** What the spec allows for a step, beside those that it runs under already: the next change of each remedy, in order. */
export function allowedRemedies(remedied: RemediedStep, activity: StepActivityName): AppliedRemedy[] {
  const { spec } = withRemedies(remedied);
  return remedies.flatMap(({ name, kind, failures, activity: ofActivity, apply }) => {
    if (ofActivity !== activity || spec.onFailure?.[name] !== true) return [];
    const change = apply(spec, remedied.step)?.change;
    return change === undefined ? [] : failures.map((after) => ({ name, kind, after, change }));
  });
}
