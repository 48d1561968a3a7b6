import { ApplicationFailure } from '@temporalio/common';
import { expect, test } from 'vitest';
import { refused, useDeployments } from '../support/deployments.js';
import { noFreeGpu } from '../support/serving-failures.js';

/* What becomes of a deployment whose Triton ends, and of one that then does not come up. */

const withDeployment = useDeployments();

const noText = (): Error => ApplicationFailure.nonRetryable('no text', 'SmokeTestFailed');

const bounded = { timeout: 30_000 };

test('a Triton that ends by itself is started again', () =>
  withDeployment(async ({ promote, state }, host) => {
    await promote(0);
    await host.lose(1);
    await expect.poll(() => host.calls.slice(3), bounded).toEqual(['start 1', 'smoke 1']);
    await expect.poll(state, bounded).toMatchObject({ status: 'serving' });
  }));

test('one that does not come up is started again, without what was left of it', () =>
  withDeployment(async ({ promote, state }, host) => {
    await promote(0);
    host.fail = (call, times) => (call === 'smoke 1' && times === 2 ? noText() : undefined);
    await host.lose(1);
    await expect.poll(state, bounded).toMatchObject({ status: 'restarting', endpoint: null, trouble: 'no text' });
    await expect.poll(state, bounded).toMatchObject({ status: 'serving' });
    expect(await state()).not.toHaveProperty('trouble');
    expect(host.calls.slice(3)).toEqual(['start 1', 'smoke 1', 'clear 1', 'start 1', 'smoke 1']);
  }));

test('a displaced revision that does not come back at once is started again', () =>
  withDeployment(async ({ promote, state }, host) => {
    await promote(0);
    host.failStart = (number, waitForGpu) => (number === 2 && !waitForGpu ? noFreeGpu() : undefined);
    host.fail = (call, times) => (call === 'smoke 2' || (call === 'smoke 1' && times === 2) ? noText() : undefined);
    await expect(promote(1)).rejects.toSatisfy(refused('SmokeTestFailed'));
    await expect.poll(state, bounded).toMatchObject({ status: 'serving', currentNumber: 1, endpoint: { revision: 1 } });
    expect(host.calls.slice(-3)).toEqual(['clear 1', 'start 1', 'smoke 1']);
  }));

test('one that is starting again yields as one that serves does', () =>
  withDeployment(async ({ promote, yield: yieldTo, state }, host) => {
    await promote(0);
    host.fail = (call, times) => (call === 'smoke 1' && times > 1 ? noText() : undefined);
    await host.lose(1);
    await expect.poll(state, bounded).toMatchObject({ trouble: 'no text' });
    expect(await yieldTo('run-1', 1)).toMatchObject({ status: 'yielded' });
    expect(host.calls.at(-1)).toBe('lend 1 to run-1');
  }));

test('one that is starting again and is stopped stays stopped', () =>
  withDeployment(async ({ promote, stop, state }, host) => {
    await promote(0);
    host.fail = (call, times) => (call === 'smoke 1' && times > 1 ? noText() : undefined);
    await host.lose(1);
    await expect.poll(state, bounded).toMatchObject({ trouble: 'no text' });
    expect(await stop()).toMatchObject({ status: 'stopped', currentNumber: 1 });
    expect(await state()).not.toHaveProperty('trouble');
  }));

test(
  'a promotion takes its name; the new revision has its own ends counted, and one that never comes up gives its GPUs back',
  () =>
    withDeployment(async ({ promote, state }, host) => {
      await promote(0);
      host.fail = (call) => (call === 'smoke 1' ? noText() : undefined);
      await host.lose(1);
      await expect.poll(state, bounded).toMatchObject({ trouble: 'no text' });
      expect(await promote(1)).toMatchObject({ endpoint: { revision: 2 } });
      await expect.poll(() => host.calls, bounded).toContain('stop 1');
      host.fail = (call) => (call === 'smoke 2' ? noText() : undefined);
      await host.lose(2);
      await expect
        .poll(state, { timeout: 90_000 })
        .toMatchObject({ status: 'failed', currentNumber: 2, trouble: 'no text' });
      expect(host.calls.filter((call) => call === 'start 2')).toHaveLength(1 + 5);
      expect(host.calls.at(-1)).toBe('stop 2');
      expect(host.running.size).toBe(0);
      expect(await promote(2)).toMatchObject({ endpoint: { revision: 3 } });
      expect(await state()).not.toHaveProperty('trouble');
    }),
  150_000,
);
