import { WorkflowUpdateFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { expect, test } from 'vitest';
import { refused, useDeployments } from '../support/deployments.js';
import { lost, noFreeGpu, noGpu } from '../support/serving-failures.js';

const withDeployment = useDeployments();

test('without GPUs for both, the old revision goes first and the downtime is stated', () =>
  withDeployment(async ({ promote }, host) => {
    await promote(0);
    host.failStart = (_, waitForGpu) => (waitForGpu || !host.running.has(1) ? undefined : noFreeGpu());
    const { downtimeMs } = await promote(1);
    expect(host.calls).toEqual([
      ...['start 1', 'smoke 1', 'gate 1'],
      ...['start 2', 'gpus 1 to 2', 'stop 1', 'start 2', 'smoke 2', 'gate 2'],
    ]);
    expect(downtimeMs).toBeGreaterThan(0);
  }));

test('a replacement that fails brings the old revision back', () =>
  withDeployment(async ({ promote, state }, host) => {
    await promote(0);
    host.failStart = (number, waitForGpu) => {
      if (number === 1) return undefined;
      return waitForGpu ? ApplicationFailure.nonRetryable('no engine', 'TritonUnavailable') : noFreeGpu();
    };
    await expect(promote(1)).rejects.toSatisfy(refused('TritonUnavailable'));
    expect(host.calls.slice(3)).toEqual([
      ...['start 2', 'gpus 1 to 2', 'stop 1', 'start 2'],
      ...['gpus 2 to 1', 'stop 2', 'start 1', 'smoke 1'],
    ]);
    expect(await state()).toMatchObject({ status: 'serving', currentNumber: 1 });
  }));

test('a worker that is lost at each moment of a replacement costs an attempt, and nothing else', () =>
  withDeployment(async ({ promote, state }, host) => {
    await promote(0);
    const before = host.calls.length;
    host.fail = (call) =>
      host.calls.slice(before).filter((earlier) => earlier === call).length === 1 ? lost() : undefined;
    host.failStart = (_, waitForGpu) => (waitForGpu ? undefined : noFreeGpu());
    await promote(1);
    const replaced = ['start 2', 'gpus 1 to 2', 'stop 1', 'start 2', 'smoke 2', 'gate 2'];
    expect([...new Set(host.calls.slice(before))]).toEqual([...new Set(replaced)]);
    expect(await state()).toMatchObject({ status: 'serving', currentNumber: 2, lastNumber: 2 });
  }));

test.each([
  ['the smoke test', 'smoke 2', 'SmokeTestFailed'],
  ['the gate through Triton', 'gate 2', 'ServedGateFailed'],
])(
  'a replacement that %s refuses gives its GPUs back, and the old revision is smoke-tested before it answers again',
  (_, call, type) =>
    withDeployment(async ({ promote, state }, host) => {
      await promote(0);
      host.failStart = (_number, waitForGpu) => (waitForGpu ? undefined : noFreeGpu());
      host.fail = (made) => (made === call ? ApplicationFailure.nonRetryable('not as it must be', type) : undefined);
      await expect(promote(1)).rejects.toSatisfy(refused(type));
      expect(host.calls.slice(-4)).toEqual(['gpus 2 to 1', 'stop 2', 'start 1', 'smoke 1']);
      expect(await state()).toMatchObject({ status: 'serving', currentNumber: 1, endpoint: { revision: 1 } });
    }),
);

test('a revision is not ended while a step has the GPUs that its replacement needs', () =>
  withDeployment(async ({ promote, withdraw, state }, host) => {
    await promote(0);
    host.failStart = (_, waitForGpu) => (waitForGpu ? undefined : noFreeGpu());
    host.fail = (call) => (call === 'gpus 1 to 2' ? noGpu() : undefined);
    const refusal = expect(promote(1, { engine: 'larger' })).rejects.toThrow(WorkflowUpdateFailedError);
    await expect.poll(() => host.calls, { timeout: 30_000 }).toContain('gpus 1 to 2');
    expect(await state()).toMatchObject({ status: 'serving', endpoint: { revision: 1 } });
    await withdraw('larger');
    await refusal;
    expect(host.calls).not.toContain('stop 1');
    expect(await state()).toMatchObject({ status: 'serving', currentNumber: 1, endpoint: { revision: 1 } });
  }));

test('a replacement that is given up while the old revision ends has that end, and starts it again', () =>
  withDeployment(async ({ promote, withdraw, state, givenUp }, host) => {
    await promote(0);
    host.failStart = (_, waitForGpu) => (waitForGpu ? undefined : noFreeGpu());
    const letGo = host.hold('stop 1');
    const refusal = expect(promote(1, { engine: 'larger' })).rejects.toThrow(WorkflowUpdateFailedError);
    await expect.poll(() => host.calls, { timeout: 30_000 }).toContain('stop 1');
    await withdraw('larger');
    expect(await state()).toMatchObject({ status: 'replacing' });
    letGo();
    await refusal;
    expect(await givenUp()).not.toContain('stopRevision');
    expect(host.calls.slice(3)).toEqual([
      ...['start 2', 'gpus 1 to 2', 'stop 1'],
      ...['gpus 2 to 1', 'stop 2', 'start 1', 'smoke 1'],
    ]);
    expect(await state()).toMatchObject({ status: 'serving', endpoint: { revision: 1 } });
  }));

test('a replacement that is given up while GPUs are handed over hands them back, and ends nothing', () =>
  withDeployment(async ({ promote, withdraw, state }, host) => {
    await promote(0);
    host.failStart = (_, waitForGpu) => (waitForGpu ? undefined : noFreeGpu());
    const letGo = host.hold('gpus 1 to 2');
    const refusal = expect(promote(1, { engine: 'larger' })).rejects.toThrow(WorkflowUpdateFailedError);
    await expect.poll(() => host.calls, { timeout: 30_000 }).toContain('gpus 1 to 2');
    await withdraw('larger');
    expect(await state()).toMatchObject({ status: 'serving' });
    letGo();
    await refusal;
    expect(host.calls.slice(3)).toEqual(['start 2', 'gpus 1 to 2', 'gpus 2 to 1', 'stop 2']);
    expect(await state()).toMatchObject({ status: 'serving', currentNumber: 1, endpoint: { revision: 1 } });
  }));

test('whoever stops a deployment does not wait for a start of the revision that had made room', () =>
  withDeployment(async ({ promote, stop }, host) => {
    await promote(0);
    host.failStart = (_, waitForGpu) => (waitForGpu ? undefined : noFreeGpu());
    const letGo = host.hold('smoke 2');
    const refusal = expect(promote(1)).rejects.toThrow(WorkflowUpdateFailedError);
    await expect.poll(() => host.calls, { timeout: 30_000 }).toContain('smoke 2');
    expect(await stop()).toMatchObject({ status: 'stopped', currentNumber: 1 });
    await refusal;
    letGo();
    expect(host.calls.slice(-3)).toEqual(['gpus 2 to 1', 'stop 2', 'stop 1']);
    expect(host.running.size).toBe(0);
  }));

test('nobody is sent to the ports of a revision that made room', () =>
  withDeployment(async ({ promote, state }, host) => {
    await promote(0);
    host.failStart = (_, waitForGpu) => (waitForGpu ? noGpu() : noFreeGpu());
    const refusal = expect(promote(1, { engine: 'slow' })).rejects.toThrow(WorkflowUpdateFailedError);
    await expect.poll(() => host.calls, { timeout: 30_000 }).toContain('stop 1');
    expect(await state()).toMatchObject({ status: 'replacing', endpoint: null });
    host.failStart = (number) => (number === 2 ? ApplicationFailure.nonRetryable('x', 'TritonUnavailable') : undefined);
    await refusal;
  }));
