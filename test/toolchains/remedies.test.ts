import { describe, expect, test } from 'vitest';
import type { AdmittedSpec } from '../../src/contracts/admitted-spec.js';
import { MAXIMUM_REMEDIES, type RemedyName } from '../../src/contracts/remedies.js';
import type { SpecInput } from '../../src/contracts/spec.js';
import type { StepId } from '../../src/contracts/steps.js';
import { renderArgv } from '../../src/toolchains/command.js';
import { allowedRemedies, remedies, withRemedies } from '../../src/toolchains/remedies.js';
import { stepKey } from '../../src/toolchains/step-key.js';
import { planSteps } from '../../src/toolchains/step-plans.js';
import { testAdmission, testSpec } from '../support/specs.js';

const allowed = (change: (input: SpecInput) => void = () => {}): AdmittedSpec =>
  testAdmission(
    testSpec((input) => {
      Object.assign(input, {
        parallelism: { tensor: 8 },
        onFailure: { fewerBuildWorkers: true, smallerCalibrationBatch: true, shorterCalibrationSamples: true },
      });
      Object.assign(input.build ?? {}, { workers: 6 });
      Object.assign(input.quantization.calibration ?? {}, { batchSize: 5 });
      change(input);
    }),
  );

/** The step of a remedy, as it runs under so many of them. */
function planOf(admitted: AdmittedSpec, step: StepId, names: readonly RemedyName[]) {
  const remedied = withRemedies({ admitted, step, remedies: names });
  const plan = planSteps(remedied).find(({ id }) => id === step);
  if (plan?.command == null) throw new Error(`no command of ${step}`);
  const inputs = Object.fromEntries(Object.keys(plan.inputs).map((role) => [role, 'd'.repeat(64)]));
  return { key: stepKey(plan, inputs, remedied), argv: renderArgv(plan.command), gpus: plan.gpus, queue: plan.queue };
}

const stepOf: Record<RemedyName, StepId> = {
  fewerBuildWorkers: 'engine',
  smallerCalibrationBatch: 'checkpoint',
  shorterCalibrationSamples: 'checkpoint',
};

/** The changes of one remedy until it has none left. */
function changesOf(admitted: AdmittedSpec, name: RemedyName): string[] {
  const applied: RemedyName[] = [];
  const changes: string[] = [];
  const { activity } = remedies.find((remedy) => remedy.name === name) ?? {};
  if (activity === undefined) throw new Error(`no remedy ${name}`);
  for (;;) {
    const next = allowedRemedies({ admitted, step: stepOf[name], remedies: applied }, activity).find(
      (remedy) => remedy.name === name,
    );
    if (next === undefined) return changes;
    changes.push(next.change);
    applied.push(name);
  }
}

describe('a remedy', () => {
  test.each(remedies)('$name changes the key of its step as its kind says: $kind', ({ name, kind, activity }) => {
    const admitted = allowed();
    const before = planOf(admitted, stepOf[name], []);
    const after = planOf(admitted, stepOf[name], [name]);
    expect(after.argv).not.toEqual(before.argv);
    expect(after.key === before.key).toBe(kind === 'execution');
    expect(planSteps(admitted).find(({ id }) => id === stepOf[name])?.activity).toBe(activity);
  });

  test.each<[RemedyName, string[]]>([
    ['fewerBuildWorkers', ['--workers 6 → 3', '--workers 3 → 1']],
    ['smallerCalibrationBatch', ['--batch_size 5 → 2', '--batch_size 2 → 1']],
    ['shorterCalibrationSamples', ['--calib_max_seq_length 256 → 128']],
  ])('%s is applied until it has nothing left to change', (name, changes) => {
    expect(changesOf(allowed(), name)).toEqual(changes);
  });

  test('needs fewer GPUs, and another queue, where it builds with fewer workers', () => {
    expect(planOf(allowed(), 'engine', [])).toMatchObject({ gpus: 6, queue: 'enginesmith-gpu-cpu-x6' });
    expect(planOf(allowed(), 'engine', ['fewerBuildWorkers'])).toMatchObject({
      gpus: 3,
      queue: 'enginesmith-gpu-cpu-x3',
    });
  });

  test('counts the workers that there are ranks for, of the side that is built', () => {
    const admitted = allowed(({ gate }) => Object.assign(gate, { baseline: { parallelism: { tensor: 2 } } }));
    expect(allowedRemedies({ admitted, step: 'baseline-engine' }, 'build')).toEqual([
      { name: 'fewerBuildWorkers', kind: 'execution', after: 'HostOutOfMemory', change: '--workers 2 → 1' },
    ]);
  });

  test('is none where the spec does not allow it', () => {
    const admitted = allowed((input) => Object.assign(input, { onFailure: { fewerBuildWorkers: false } }));
    expect(allowedRemedies({ admitted, step: 'engine' }, 'build')).toEqual([]);
    expect(allowedRemedies({ admitted, step: 'checkpoint' }, 'quantize')).toEqual([]);
  });

  test('ends before the workflow gives up, from the largest numbers that a spec may have', () => {
    const admitted = allowed((input) => {
      Object.assign(input.build ?? {}, { workers: 64 });
      Object.assign(input, { parallelism: { tensor: 64 } });
      Object.assign(input.quantization.calibration ?? {}, { batchSize: 1024, maxSequenceTokens: 8192 });
    });
    const ofQuantize = [
      ...changesOf(admitted, 'smallerCalibrationBatch'),
      ...changesOf(admitted, 'shorterCalibrationSamples'),
    ];
    expect(ofQuantize.length).toBeLessThanOrEqual(MAXIMUM_REMEDIES);
    expect(changesOf(admitted, 'fewerBuildWorkers').length).toBeLessThanOrEqual(MAXIMUM_REMEDIES);
  });
});
