import { setTimeout as delay } from 'node:timers/promises';
import { WorkflowUpdateFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { expect, test } from 'vitest';
import { deploymentMessages } from '../../src/contracts/deployment.js';
import { refused, served, useDeployments } from '../support/deployments.js';
import { lost, noFreeGpu, noGpu } from '../support/serving-failures.js';

const withDeployment = useDeployments();

/** Waits for a condition; bounded. */
async function soon(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error('not in time');
    await delay(50);
  }
}

test('a candidate takes the name after its smoke test, and only then the old one ends', () =>
  withDeployment(async ({ promote, state }, host) => {
    await promote(0);
    const second = await promote(1);
    expect(host.calls).toEqual(['start 1', 'smoke 1', 'gate 1', 'start 2', 'smoke 2', 'gate 2', 'stop 1']);
    expect(second).toMatchObject({ downtimeMs: 0, endpoint: { revision: 2, grpcUrl: '127.0.0.1:9002' } });
    expect(await state()).toMatchObject({ status: 'serving', currentNumber: 2, lastNumber: 2 });
  }));

test('a revision that lost its name answers for a second more those who looked it up before', () =>
  withDeployment(async ({ promote }, host) => {
    await promote(0);
    const calledAt = new Map<string, number>();
    host.fail = (call) => {
      calledAt.set(call, performance.now());
      return undefined;
    };
    await promote(1);
    expect((calledAt.get('stop 1') ?? 0) - (calledAt.get('gate 2') ?? 0)).toBeGreaterThan(1_000);
  }));

test('a promotion from before the last one is refused as stale, and nothing is started', () =>
  withDeployment(async ({ promote }, host) => {
    await promote(0);
    await expect(promote(0)).rejects.toSatisfy(refused('StalePromotion'));
    expect(host.calls).toEqual(['start 1', 'smoke 1', 'gate 1']);
  }));

test('two promotions at once are one after the other: the second is stale', () =>
  withDeployment(async ({ promote, state }) => {
    const results = await Promise.allSettled([promote(0), promote(0)]);
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect((await state()).currentNumber).toBe(1);
  }));

test('a candidate that fails its smoke test is ended, and the old revision keeps the name', () =>
  withDeployment(async ({ promote, state }, host) => {
    await promote(0);
    host.fail = (call) =>
      call === 'smoke 2' ? ApplicationFailure.nonRetryable('one chunk', 'SmokeTestFailed') : undefined;
    await expect(promote(1)).rejects.toSatisfy(refused('SmokeTestFailed'));
    expect(host.running.has(2)).toBe(false);
    expect(host.running.has(1)).toBe(true);
    expect(host.calls.slice(3)).toEqual(['start 2', 'smoke 2', 'stop 2']);
    expect(await state()).toMatchObject({ status: 'serving', currentNumber: 1, lastNumber: 2 });
  }));

test('a stopped deployment keeps its history and can be promoted to', () =>
  withDeployment(async ({ promote, stop }, host) => {
    await promote(0);
    expect(await stop()).toMatchObject({ status: 'stopped', currentNumber: 1, endpoint: null });
    expect(await promote(1)).toMatchObject({ endpoint: { revision: 2 } });
    expect(host.calls).toEqual(['start 1', 'smoke 1', 'gate 1', 'stop 1', 'start 2', 'smoke 2', 'gate 2']);
  }));

test('an old revision that cannot be ended does not undo the promotion', () =>
  withDeployment(async ({ promote, state }, host) => {
    await promote(0);
    host.fail = (call) => (call === 'stop 1' ? ApplicationFailure.nonRetryable('in the driver') : undefined);
    expect(await promote(1)).toMatchObject({ endpoint: { revision: 2 } });
    expect(host.running.has(2)).toBe(true);
    expect(await state()).toMatchObject({ status: 'serving', currentNumber: 2, endpoint: { revision: 2 } });
  }));

test('a revision on another host is not ended for GPUs that it does not hold', () =>
  withDeployment(async ({ promote, state }, host) => {
    await promote(0);
    host.failStart = (_, waitForGpu) => (waitForGpu ? undefined : noFreeGpu());
    expect(await promote(1, { host: 'host-b' })).toMatchObject({ downtimeMs: 0 });
    expect(host.calls.slice(3)).toEqual(['start 2', 'smoke 2', 'gate 2', 'stop 1']);
    expect(await state()).toMatchObject({ currentNumber: 2 });
  }));

test('a cancelled deployment ends its Triton', () =>
  withDeployment(async ({ promote, cancel }, host) => {
    await promote(0);
    await cancel();
    expect(host.calls).toEqual(['start 1', 'smoke 1', 'gate 1', 'stop 1']);
  }));

test('an update that is no promotion is refused, and the deployment goes on', () =>
  withDeployment(async ({ promote, update }) => {
    for (const argument of [undefined, null, 7, { name: 'another' }]) {
      await expect(update(deploymentMessages.promote, argument)).rejects.toSatisfy(refused('InvalidSpec'));
    }
    expect(await promote(0)).toMatchObject({ endpoint: { revision: 1 } });
  }));

test('an engine that serves already is only smoke-tested again', () =>
  withDeployment(async ({ promote, state }, host) => {
    await promote(0, { engine: 'same' });
    expect(await promote(1, { engine: 'same' })).toMatchObject({ downtimeMs: 0, endpoint: { revision: 1 } });
    expect(host.calls).toEqual(['start 1', 'smoke 1', 'gate 1', 'smoke 1']);
    expect(await state()).toMatchObject({ status: 'serving', currentNumber: 1, lastNumber: 1 });
  }));

test('a restart that waits for its host does not hold up whoever stops the deployment', () =>
  withDeployment(async ({ promote, state, stop }, host) => {
    await promote(0);
    host.failStart = () => ApplicationFailure.retryable('2 of 2 leased', 'NoFreeGpu');
    await host.lose(1);
    await soon(async () => (await state()).status === 'restarting');
    expect(await stop()).toMatchObject({ status: 'stopped', endpoint: null });
  }));

test('a withdrawn promotion that waits for a GPU ends without a trace', () =>
  withDeployment(async ({ promote, withdraw, state }, host) => {
    host.failStart = noGpu;
    const promotion = promote(0, { engine: 'unwanted' });
    const refusal = expect(promotion).rejects.toThrow(WorkflowUpdateFailedError);
    await soon(() => host.calls.includes('start 1'));
    await withdraw('unwanted');
    await refusal;
    host.failStart = undefined;
    expect(await state()).toMatchObject({ status: 'empty', currentNumber: 0 });
    expect(host.running.size).toBe(0);
  }));

test('a promotion that was withdrawn before it came is not begun', () =>
  withDeployment(async ({ promote, withdraw, state }, host) => {
    await withdraw('early');
    await expect(promote(0, { engine: 'early' })).rejects.toThrow(WorkflowUpdateFailedError);
    expect(host.calls).toEqual([]);
    expect(await promote(0)).toMatchObject({ endpoint: { revision: 1 } });
    expect(await state()).toMatchObject({ currentNumber: 1 });
  }));

test('a promotion that has taken the name is not withdrawn any more', () =>
  withDeployment(async ({ promote, withdraw, state }) => {
    await promote(0, { engine: 'late' });
    await withdraw('late');
    expect(await state()).toMatchObject({ status: 'serving', currentNumber: 1 });
  }));

test('whoever stops a deployment does not wait for the restart that a promotion held up', () =>
  withDeployment(async ({ promote, completed, stop }, host) => {
    await promote(0);
    await soon(() => host.running.has(1));
    host.failStart = noGpu;
    const refusal = expect(promote(1, { host: 'host-b' })).rejects.toThrow(WorkflowUpdateFailedError);
    await soon(() => host.calls.includes('start 2'));
    await host.lose(1);
    // Whoever watched it waits for its turn now.
    await soon(async () => (await completed()).includes('superviseRevision'));
    expect(await stop()).toMatchObject({ status: 'stopped', endpoint: null });
    await refusal;
    expect(host.calls.filter((call) => call === 'start 1')).toHaveLength(1);
  }));

test('whoever stops a deployment gives up the promotion that waits', () =>
  withDeployment(async ({ promote, stop }, host) => {
    await promote(0);
    host.failStart = noGpu;
    const refusal = expect(promote(1, { host: 'host-b' })).rejects.toThrow(WorkflowUpdateFailedError);
    await soon(() => host.calls.includes('start 2'));
    expect(await stop()).toMatchObject({ status: 'stopped', endpoint: null });
    await refusal;
  }));

test('a worker that is lost at each moment of a promotion costs an attempt, and nothing else', () =>
  withDeployment(async ({ promote, state }, host) => {
    await promote(0);
    host.fail = (_, times) => (times === 1 ? lost() : undefined);
    expect(await promote(1)).toMatchObject({ downtimeMs: 0, endpoint: { revision: 2 }, servedGate: served });
    expect(host.calls.slice(3)).toEqual(['start 2', 'smoke 2', 'gate 2', 'stop 1'].flatMap((call) => [call, call]));
    expect(await state()).toMatchObject({ status: 'serving', currentNumber: 2, lastNumber: 2 });
  }));

test.each([
  ['the smoke test', 'smoke 2', 'SmokeTestFailed'],
  ['the gate through Triton', 'gate 2', 'ServedGateFailed'],
  ['its Triton, during the smoke test,', 'smoke 2', 'TritonUnavailable'],
  ['its Triton, during the gate,', 'gate 2', 'TritonUnavailable'],
])('a candidate that %s ends leaves the name with the revision that serves', (_, call, type) =>
  withDeployment(async ({ promote, state }, host) => {
    const { endpoint } = await promote(0);
    host.fail = (made) => (made === call ? ApplicationFailure.nonRetryable('not as it must be', type) : undefined);
    await expect(promote(1)).rejects.toSatisfy(refused(type));
    expect(host.calls).not.toContain('stop 1');
    expect(host.running.has(2)).toBe(false);
    expect(await state()).toMatchObject({ status: 'serving', currentNumber: 1, lastNumber: 2, endpoint });
  }),
);
