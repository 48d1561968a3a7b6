import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { expect, test } from 'vitest';
import { createCheckpoint } from '../../src/activities/checkpoint.js';
import { createActivityInterceptor } from '../../src/activities/interceptor.js';
import { heartbeatDetailsSchema } from '../../src/contracts/step-progress.js';
import { testAdmission } from '../support/specs.js';
import { converter, openHost, writeConfig, writeWeights } from './tool-host.js';

test('heartbeats say how far the tool is, also while it says nothing more', async () => {
  const { dependencies, model } = await openHost(
    converter(`echo 0.10.0; echo Layer 7/30; sleep 7\n${writeConfig()}\n${writeWeights()}`),
  );
  const environment = new MockActivityEnvironment(
    { heartbeatTimeoutMs: 30_000 },
    {
      logger: new DefaultLogger('ERROR'),
      interceptors: [(context) => ({ inbound: createActivityInterceptor(context) })],
    },
  );
  const beats: unknown[] = [];
  environment.on('heartbeat', (details: unknown) => beats.push(details));
  const step = createCheckpoint(dependencies);
  await environment.run(() =>
    step({ admitted: testAdmission(), step: 'baseline-checkpoint', inputs: { model: model.digest } }),
  );
  expect(beats.length).toBeGreaterThanOrEqual(2);
  const { host } = dependencies.configuration;
  expect(heartbeatDetailsSchema.parse(beats.at(-1))).toEqual({
    step: 'baseline-checkpoint',
    host,
    progress: { phase: 'converting', done: 7, total: 30, unit: 'layers', ratePerSecond: null, etaSeconds: null },
  });
});
