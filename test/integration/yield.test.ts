import { WorkflowUpdateFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { expect, test } from 'vitest';
import { deploymentMessages } from '../../src/contracts/deployment.js';
import { type Host, refused, useDeployments } from '../support/deployments.js';
import { noGpu } from '../support/serving-failures.js';

const withDeployment = useDeployments();

/** Ends the runs that a deployment has yielded to, as soon as it waits for them. */
async function end(host: Host, runs: string): Promise<void> {
  await expect.poll(() => [...host.waiting.keys()], { timeout: 10_000 }).toContain(runs);
  host.waiting.get(runs)?.();
}

const serves = (revision: number) => ({
  status: 'serving',
  currentNumber: revision,
  endpoint: { revision },
});

test('a deployment that yields serves the same revision again, smoke-tested, when the pipeline has ended', () =>
  withDeployment(async ({ promote, yield: yieldTo, state }, host) => {
    await promote(0);
    const before = host.calls.length;
    expect(await yieldTo('a', 1)).toMatchObject({
      status: 'yielded',
      currentNumber: 1,
      endpoint: null,
      yielded: { to: [{ pipeline: 'pipeline-a', runId: 'a' }], since: expect.stringMatching(/^20/) },
    });
    await end(host, 'a');
    await expect.poll(state).toMatchObject(serves(1));
    expect(await state()).not.toHaveProperty('yielded');
    expect(host.calls.slice(before)).toEqual(['lend 1 to a', 'start 1', 'smoke 1']);
  }));

test('two pipelines that ask are both waited for, and one that asks again is asked for once', () =>
  withDeployment(async ({ promote, yield: yieldTo, state }, host) => {
    await promote(0);
    const before = host.calls.length;
    for (const runId of ['a', 'b', 'a']) await yieldTo(runId, 1);
    expect((await state()).yielded?.to.map(({ runId }) => runId)).toEqual(['b', 'a']);
    await end(host, 'b,a');
    await expect.poll(state).toMatchObject(serves(1));
    expect(host.calls.slice(before)).toEqual([
      ...['lend 1 to a', 'lend 1 to a,b', 'lend 1 to b,a'],
      ...['start 1', 'smoke 1'],
    ]);
  }));

test('a pipeline that is stale, or a deployment that serves nothing, yields nothing', () =>
  withDeployment(async ({ promote, yield: yieldTo, stop, state, update }, host) => {
    await expect(yieldTo('a', 0)).rejects.toSatisfy(refused('StalePromotion'));
    for (const expected of [0, 1]) await promote(expected);
    const before = host.calls.length;
    await expect(yieldTo('a', 1)).rejects.toSatisfy(refused('revision 2'));
    for (const argument of [null, 7, {}, { pipeline: 'p', runId: 'r' }]) {
      await expect(update(deploymentMessages.yield, argument)).rejects.toSatisfy(refused('InvalidSpec'));
    }
    expect(await state()).toMatchObject(serves(2));
    await stop();
    await expect(yieldTo('a', 2)).rejects.toSatisfy(refused('is stopped'));
    expect(host.calls.slice(before)).toEqual(['stop 2']);
  }));

test('a promotion takes the GPUs that were lent, and states the downtime since the yield', () =>
  withDeployment(async ({ promote, yield: yieldTo, state }, host) => {
    await promote(0);
    const { yielded } = await yieldTo('a', 1);
    const before = host.calls.length;
    const { downtimeMs } = await promote(1);
    expect(downtimeMs).toBeGreaterThan(0);
    expect(downtimeMs).toBeLessThanOrEqual(Date.now() - Date.parse(yielded?.since ?? '') + 1_000);
    expect(host.calls.slice(before)).toEqual(['gpus 1 to 2', 'start 2', 'smoke 2', 'gate 2', 'stop 1']);
    await end(host, 'a');
    expect(await state()).toMatchObject(serves(2));
    expect(await state()).not.toHaveProperty('yielded');
  }));

test('after a promotion that fails the old revision comes back with the end of its pipeline', () =>
  withDeployment(async ({ promote, yield: yieldTo, state }, host) => {
    await promote(0);
    await yieldTo('a', 1);
    const before = host.calls.length;
    host.failStart = (number) =>
      number === 1 ? undefined : ApplicationFailure.nonRetryable('no engine', 'TritonUnavailable');
    await expect(promote(1)).rejects.toSatisfy(refused('TritonUnavailable'));
    expect(await state()).toMatchObject({ status: 'yielded', currentNumber: 1 });
    await end(host, 'a');
    await expect.poll(state).toMatchObject(serves(1));
    expect(host.calls.slice(before)).toEqual([
      ...['gpus 1 to 2', 'start 2', 'gpus 2 to 1', 'stop 2', 'lend 1 to a'],
      ...['start 1', 'smoke 1'],
    ]);
  }));

test('a rollback while it has yielded serves an earlier revision on the GPUs that were lent', () =>
  withDeployment(async ({ promote, rollback, yield: yieldTo, state }, host) => {
    for (const expected of [0, 1]) await promote(expected);
    await yieldTo('a', 2);
    const before = host.calls.length;
    expect(await rollback()).toMatchObject({ rollbackOf: 1, endpoint: { revision: 3 } });
    expect(host.calls.slice(before)).toEqual(['gpus 2 to 3', 'start 3', 'smoke 3', 'stop 2']);
    await expect(yieldTo('a', 2)).rejects.toSatisfy(refused('StalePromotion'));
    expect(await state()).toMatchObject(serves(3));
  }));

test('one that is stopped while it has yielded stays stopped when the pipeline ends', () =>
  withDeployment(async ({ promote, yield: yieldTo, stop, state }, host) => {
    await promote(0);
    await yieldTo('a', 1);
    const before = host.calls.length;
    const stopped = await stop();
    expect(stopped).toMatchObject({ status: 'stopped', currentNumber: 1, endpoint: null });
    expect(stopped).not.toHaveProperty('yielded');
    await end(host, 'a');
    expect(await state()).toMatchObject({ status: 'stopped' });
    await promote(1);
    expect(host.calls.slice(before)).toEqual(['stop 1', 'start 2', 'smoke 2', 'gate 2']);
  }));

test('one that is cancelled while it has yielded leaves nothing behind', () =>
  withDeployment(async ({ promote, yield: yieldTo, cancel }, host) => {
    await promote(0);
    await yieldTo('a', 1);
    await cancel();
    expect(host.calls.slice(-2)).toEqual(['lend 1 to a', 'stop 1']);
  }));

test('it waits for a tool that does not leave the GPU at once, and who stops it does not wait with it', () =>
  withDeployment(async ({ promote, yield: yieldTo, stop, state }, host) => {
    await promote(0);
    await yieldTo('a', 1);
    host.failStart = () => ApplicationFailure.nonRetryable('leased by the tool', 'NoFreeGpu');
    await end(host, 'a');
    await expect.poll(() => host.calls.filter((call) => call === 'start 1').length).toBeGreaterThan(3);
    expect(await state()).toMatchObject({ status: 'restarting' });
    host.failStart = () => noGpu();
    expect(await stop()).toMatchObject({ status: 'stopped', endpoint: null });
  }));

test('one whose Triton cannot be ended serves again, and the pipeline goes on waiting', () =>
  withDeployment(async ({ promote, yield: yieldTo, state }, host) => {
    await promote(0);
    host.fail = (call) =>
      call.startsWith('lend') ? ApplicationFailure.nonRetryable('it hangs in a driver', 'ToolFailed') : undefined;
    await expect(yieldTo('a', 1)).rejects.toThrow(WorkflowUpdateFailedError);
    expect(await state()).toMatchObject(serves(1));
  }));
