import { WorkflowUpdateFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { expect, test } from 'vitest';
import { deploymentMessages } from '../../src/contracts/deployment.js';
import { refused, useDeployments } from '../support/deployments.js';

const withDeployment = useDeployments();

test('a rollback brings the newest earlier revision that differs back, as a new one that is smoke-tested only', () =>
  withDeployment(async ({ promote, rollback, stop, state }, host) => {
    await promote(0, { engine: 'good' });
    await promote(1, { engine: 'bad' });
    await stop();
    await promote(2, { engine: 'bad' });
    const before = host.calls.length;
    expect(await rollback()).toMatchObject({ rollbackOf: 1, downtimeMs: 0, endpoint: { revision: 4 } });
    expect(host.calls.slice(before)).toEqual(['start 4', 'smoke 4', 'stop 3']);
    const { revisions, currentNumber } = await state();
    expect(currentNumber).toBe(4);
    expect(revisions.at(-1)).toMatchObject({ number: 4, rollbackOf: 1, description: { engine: { digest: 'good' } } });
  }));

test('a rollback may name its revision, and asked for again it moves nothing', () =>
  withDeployment(async ({ promote, rollback, state }, host) => {
    for (const expected of [0, 1, 2]) await promote(expected);
    expect(await rollback(1)).toMatchObject({ rollbackOf: 1, endpoint: { revision: 4 } });
    const before = host.calls.length;
    expect(await rollback(1)).toMatchObject({ rollbackOf: 1, endpoint: { revision: 4 } });
    expect(host.calls.slice(before)).toEqual(['smoke 4']);
    expect(await state()).toMatchObject({ currentNumber: 4, lastNumber: 4 });
  }));

test('a pipeline that was admitted before a rollback is stale after it', () =>
  withDeployment(async ({ promote, rollback }, host) => {
    for (const expected of [0, 1]) await promote(expected);
    const rolledBack = rollback();
    await expect.poll(() => host.calls).toContain('start 3');
    await expect(promote(2)).rejects.toSatisfy(refused('StalePromotion'));
    expect(await rolledBack).toMatchObject({ endpoint: { revision: 3 } });
  }));

test('a rollback that fails leaves the name as it was, and says which revision could not be brought back', () =>
  withDeployment(async ({ promote, rollback, state }, host) => {
    for (const expected of [0, 1]) await promote(expected);
    for (const [call, type] of [
      ['start 3', 'ArtifactCorrupt'],
      ['start 4', 'ToolchainMismatch'],
      ['smoke 5', 'SmokeTestFailed'],
    ]) {
      host.fail = (made) => (made === call ? ApplicationFailure.nonRetryable('gone', type) : undefined);
      const failure = await rollback().catch((error: unknown) => error);
      expect(failure).toSatisfy(refused(type ?? ''));
      expect(failure).toMatchObject({ cause: { message: 'Revision 1 could not be brought back: gone' } });
    }
    expect(await state()).toMatchObject({ status: 'serving', currentNumber: 2, endpoint: { revision: 2 } });
    expect([...host.running.keys()]).toEqual([2]);
  }));

test('a rollback to what is not there is refused with what is', () =>
  withDeployment(async ({ promote, rollback }, host) => {
    await expect(rollback()).rejects.toSatisfy(refused('nothing to roll back to'));
    await promote(0);
    await expect(rollback()).rejects.toSatisfy(refused('nothing to roll back to'));
    await expect(rollback(7)).rejects.toSatisfy(refused('no revision 7 in its history: it keeps 1.'));
    expect(host.calls).toEqual(['start 1', 'smoke 1', 'gate 1']);
  }));

test('an update that is no rollback is refused, and the deployment goes on', () =>
  withDeployment(async ({ promote, update, rollback }) => {
    for (const expected of [0, 1]) await promote(expected);
    for (const argument of [null, 7, '1', [1], { to: 0 }, { to: 1.5 }, { to: '1' }, { revision: 1 }]) {
      await expect(update(deploymentMessages.rollback, argument)).rejects.toSatisfy(refused('InvalidSpec'));
    }
    expect(await rollback(1)).toMatchObject({ endpoint: { revision: 3 } });
  }));

test('whoever stops a deployment gives up the rollback that waits', () =>
  withDeployment(async ({ promote, rollback, stop }, host) => {
    await promote(0);
    await promote(1, { host: 'host-b' });
    host.failStart = () => ApplicationFailure.retryable('2 of 2 leased', 'NoFreeGpu');
    const refusal = expect(rollback()).rejects.toThrow(WorkflowUpdateFailedError);
    await expect.poll(() => host.calls).toContain('start 3');
    expect(await stop()).toMatchObject({ status: 'stopped', endpoint: null });
    await refusal;
  }));
