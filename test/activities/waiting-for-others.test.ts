import { expect, test } from 'vitest';
import { resolveStep } from '../../src/activities/make-artifact.js';
import { testAdmission } from '../support/specs.js';
import { good, openHost } from './tool-host.js';

test('who waits for what another pipeline makes looks again the more rarely the longer it has waited', async () => {
  const { dependencies, environment, convert, model, runs } = await openHost(good);
  const request = { admitted: testAdmission(), step: 'baseline-checkpoint', inputs: { model: model.digest } } as const;
  const { key } = resolveStep(request, dependencies);
  const claim = await dependencies.claims.claim({ key, owner: 'another pipeline', ttlMs: 60_000 });
  if ('heldBy' in claim) throw new Error('nobody else makes it');
  const delayAfter = async (waitedMs: number): Promise<unknown> => {
    Object.assign(environment.context.info, { scheduledTimestampMs: Date.now() - waitedMs });
    return convert().then(
      () => 'made',
      ({ type, nextRetryDelayMs }) => `${type} ${Math.floor(nextRetryDelayMs / 1000)} s`,
    );
  };
  expect(await delayAfter(0)).toBe('ClaimHeld 2 s');
  expect(await delayAfter(40_000)).toBe('ClaimHeld 10 s');
  expect(await delayAfter(3_600_000)).toBe('ClaimHeld 60 s');
  await claim.release();
  expect(await delayAfter(0)).toBe('made');
  expect(await runs()).toBe(1);
});
