import { expect, test } from 'vitest';
import { stepsFrom } from '../../src/toolchains/dependent-steps.js';
import { planSteps } from '../../src/toolchains/step-plans.js';
import { testAdmission, testSpec } from '../support/specs.js';

const plans = planSteps(testAdmission(testSpec(({ gate }) => Object.assign(gate, { articles: 64 }))));

test('a step and all that depend on it, in the order of the pipeline, and nothing else', () => {
  expect(stepsFrom(plans, 'baseline-engine')).toEqual([
    'baseline-engine',
    'baseline-evaluation-1',
    'agreement-1',
    'gate-1',
    'baseline-evaluation-2',
    'agreement-2',
    'gate-2',
    'baseline-evaluation-3',
    'agreement-3',
    'gate-3',
  ]);
  expect(stepsFrom(plans, 'serving-parameters')).toEqual(['serving-parameters']);
});

test('everything but what is fetched beside it depends on the model', () => {
  const others = plans.map(({ id }) => id).filter((id) => !stepsFrom(plans, 'model').includes(id));
  expect(others).toEqual(['dataset', 'shard-1', 'shard-2', 'shard-3']);
});

test('nothing depends on the promotion', () => {
  expect(stepsFrom(plans, 'promote')).toEqual([]);
});

test('a step that is not there is refused with those that are', () => {
  expect(() => stepsFrom(plans, 'engin')).toThrow(
    /no step "engin"\. Its steps: model, dataset, .*checkpoint, engine, .*serving-parameters, promote\./,
  );
});
