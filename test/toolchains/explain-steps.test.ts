import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { actionKey } from '../../src/contracts/action-key.js';
import type { AdmittedSpec } from '../../src/contracts/admitted-spec.js';
import type { RemedyName } from '../../src/contracts/remedies.js';
import type { SpecInput } from '../../src/contracts/spec.js';
import type { StepId } from '../../src/contracts/steps.js';
import { type ExplainContext, explainSteps, type StepExplanation } from '../../src/toolchains/explain-steps.js';
import type { EarlierAction } from '../../src/toolchains/key-differences.js';
import { stepKeyParts } from '../../src/toolchains/step-key.js';
import { planSteps } from '../../src/toolchains/step-plans.js';
import { testAdmission, testSpec } from '../support/specs.js';

const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex');

/** What the store remembers after a pipeline; content is a function of the key. */
function actionsOf(admitted: AdmittedSpec, madeAt = '2026-11-01T00:00:00.000Z'): EarlierAction[] {
  const made = new Map<string, string>();
  return planSteps(admitted).map((plan) => {
    const inputs = Object.fromEntries(
      Object.entries(plan.inputs).map(([role, input]) => [role, made.get(`${input}`) ?? '']),
    );
    const components = stepKeyParts(plan, inputs, admitted);
    const key = actionKey(components);
    made.set(plan.id, digestOf(key));
    return { key, digest: digestOf(key), madeAt, madeAs: plan.id, components };
  });
}

const explain = async (
  admitted: AdmittedSpec,
  actions: readonly EarlierAction[],
  context: Partial<ExplainContext> = {},
): Promise<Record<string, StepExplanation>> => {
  const lookup = async (key: string) => actions.find((action) => action.key === key)?.digest;
  const steps = await explainSteps(admitted, { actions, lookup, isToolchainKnown: true, ...context });
  return Object.fromEntries(steps.map((step) => [step.name, step]));
};

const edited = (change: (input: SpecInput) => void): AdmittedSpec => testAdmission(testSpec(change));
const states = (steps: Record<string, StepExplanation>, state: StepExplanation['state']): string[] =>
  Object.values(steps).flatMap((step) => (step.state === state ? [step.name] : []));

describe('what explains a step', () => {
  test('is nothing where the store has it', async () => {
    const steps = await explain(testAdmission(), actionsOf(testAdmission()));
    expect(new Set(Object.values(steps).map(({ state, nearest }) => `${state} ${nearest}`))).toEqual(
      new Set(['reuse null']),
    );
  });

  test('is the parameter that was edited, by name, and what depends on it says where that comes from', async () => {
    const more = edited(({ quantization }) => Object.assign(quantization.calibration ?? {}, { samples: 64 }));
    const { checkpoint, engine, 'evaluation-1': evaluation, model } = await explain(more, actionsOf(testAdmission()));
    expect(model?.state).toBe('reuse');
    const samples = { component: 'parameter', name: '--calib_size', old: '32', new: '64', step: null, because: [] };
    expect(checkpoint).toMatchObject({ state: 'run', isGone: false, nearest: { differences: [samples] } });
    expect(engine?.nearest?.differences).toEqual([
      expect.objectContaining({
        component: 'input',
        name: 'checkpoint',
        new: null,
        step: 'checkpoint',
        because: [samples],
      }),
    ]);
    expect(evaluation?.nearest?.differences).toEqual([
      expect.objectContaining({
        name: 'engine',
        step: 'engine',
        because: [expect.objectContaining({ name: 'checkpoint', because: [samples] })],
      }),
    ]);
  });

  test.each<[string, (admitted: AdmittedSpec) => AdmittedSpec, string, object]>([
    [
      'the toolchain',
      (admitted) => ({ ...admitted, toolchain: { ...admitted.toolchain, identity: 'b'.repeat(64) } }),
      'checkpoint',
      { component: 'toolchain', name: null, old: 'a'.repeat(64), new: 'b'.repeat(64) },
    ],
    [
      'the GPU architecture',
      (admitted) => ({ ...admitted, spec: { ...admitted.spec, gpuClass: 'sm90' } }),
      'engine',
      { component: 'GPU architecture', name: null, old: 'cpu', new: 'sm90' },
    ],
    [
      'the commit of the model',
      (admitted) => ({ ...admitted, model: { ...admitted.model, commit: '9'.repeat(40) } }),
      'model',
      { component: 'parameter', name: 'commit', old: '1'.repeat(40), new: '9'.repeat(40) },
    ],
  ])('is %s', async (_, change, step, difference) => {
    const steps = await explain(change(testAdmission()), actionsOf(testAdmission()));
    expect(steps[step]?.nearest?.differences).toContainEqual({ ...difference, step: null, because: [] });
  });

  test('is the version of the step', async () => {
    const older = actionsOf(testAdmission()).map((action) => {
      const { components } = action;
      if (components?.step !== 'build') return action;
      const before = { ...components, stepVersion: 0 };
      return { ...action, components: before, key: actionKey(before) };
    });
    const { engine } = await explain(testAdmission(), older);
    expect(engine?.nearest?.differences).toEqual([
      { component: 'step version', name: null, old: '0', new: '1', step: null, because: [] },
    ]);
  });

  test('is held against what differs least, of the same side first, then the newest', async () => {
    const far = actionsOf(edited(({ build }) => Object.assign(build ?? {}, { maxBatchSize: 9, maxInputTokens: 999 })));
    const near = actionsOf(edited(({ build }) => Object.assign(build ?? {}, { maxBatchSize: 9 })));
    const nearAndNew = actionsOf(
      edited(({ build }) => Object.assign(build ?? {}, { maxBatchSize: 8 })),
      '2026-11-02T00:00:00.000Z',
    );
    const { engine } = await explain(testAdmission(), [...far, ...nearAndNew, ...near]);
    expect(engine?.nearest).toMatchObject({
      madeAt: '2026-11-02T00:00:00.000Z',
      differences: [{ name: '--max_batch_size', old: '8', new: '4' }],
    });
    expect(engine?.nearest?.key).toBe(nearAndNew.find(({ madeAs }) => madeAs === 'engine')?.key);
  });
});

test('an action whose artifact is gone says so', async () => {
  const actions = actionsOf(testAdmission());
  const lost = actions.find(({ madeAs }) => madeAs === 'engine');
  const { engine } = await explain(testAdmission(), actions, {
    lookup: async (key) => (key === lost?.key ? undefined : actions.find((action) => action.key === key)?.digest),
  });
  expect(engine).toMatchObject({ state: 'run', isGone: true });
});

test('a run is explained by what was there before it, and what it was asked to make anew is said', async () => {
  const more = edited(({ quantization }) => Object.assign(quantization.calibration ?? {}, { samples: 64 }));
  const [before, own] = [actionsOf(testAdmission()), actionsOf(more, '2026-11-03T00:00:00.000Z')];
  const ran = new Set(own.map(({ key }) => key).filter((key) => !before.some((action) => action.key === key)));
  const run = { ran, remedies: new Map(), startedAt: new Date('2026-11-02T00:00:00.000Z') };
  const steps = await explain({ ...more, remake: { id: 'run', steps: ['gate-1'] } }, [...own, ...before], { run });
  expect(states(steps, 'reuse')).toContain('baseline-engine');
  expect(states(steps, 'ran')).toEqual(expect.arrayContaining(['checkpoint', 'engine', 'gate-1']));
  expect(steps.checkpoint?.nearest?.differences).toMatchObject([{ name: '--calib_size', old: '32', new: '64' }]);
  expect(steps['gate-1']?.isRemade).toBe(true);
  expect(steps.engine?.isRemade).toBe(false);
});

test('a step that ran under a remedy is held against what it made with that, and so is what was made of it', async () => {
  const [asked, remedied] = [4, 2].map((batchSize) =>
    edited(({ quantization }) => Object.assign(quantization.calibration ?? {}, { batchSize })),
  );
  if (asked === undefined || remedied === undefined) throw new Error('unreachable');
  const own = actionsOf(remedied);
  const run = {
    ran: new Set(own.map(({ key }) => key)),
    remedies: new Map<StepId, RemedyName[]>([['checkpoint', ['smallerCalibrationBatch']]]),
    startedAt: new Date('2026-10-31T00:00:00.000Z'),
  };
  const steps = await explain(asked, own, { run });
  expect(states(steps, 'ran')).toEqual(Object.keys(steps));
  expect((await explain(asked, own)).checkpoint).toMatchObject({ state: 'run' });
});

test('what was made before 0.5 cannot be compared, and is counted', async () => {
  const old = actionsOf(testAdmission()).map(({ key, digest }) => ({ key, digest }));
  const more = edited(({ quantization }) => Object.assign(quantization.calibration ?? {}, { samples: 64 }));
  const { model, checkpoint } = await explain(more, old);
  expect(model?.state).toBe('reuse');
  expect(checkpoint).toMatchObject({ state: 'run', nearest: null, incomparable: old.length });
});

test('without the toolchain, and with a branch, keys stay open and say what is known', async () => {
  const more = edited(({ quantization }) => Object.assign(quantization.calibration ?? {}, { samples: 64 }));
  const { checkpoint } = await explain(more, actionsOf(testAdmission()), { isToolchainKnown: false });
  expect(checkpoint).toMatchObject({ state: 'maybe', key: null, nearest: { differences: [{ name: '--calib_size' }] } });
  const branch = { ...testAdmission(), model: { ...testAdmission().model, commit: 'main' } };
  expect((await explain(branch, actionsOf(testAdmission()))).model).toMatchObject({ state: 'maybe', key: null });
});
