import { expect, test } from 'vitest';
import { openBucket } from '../platform/store/remote/remote-fixture.js';
import { good, openHost } from './tool-host.js';

test('a step whose bucket does not answer is done when it does, without its tool running again', async () => {
  const { openWay } = await openBucket();
  const { proxy, variables } = await openWay();
  const { convert, runs } = await openHost(good, { environment: variables });
  proxy.become({ fail: 503, when: /PUT \S+rank0/ });
  await expect(convert()).rejects.toMatchObject({ type: 'RemoteStoreUnavailable', retryable: true });
  proxy.become('refuse');
  await expect(convert(2)).rejects.toMatchObject({ type: 'RemoteStoreUnavailable' });
  proxy.become('fair');
  const made = await convert(3);
  expect(made).toMatchObject({ artifact: { kind: 'checkpoint' } });
  expect(await runs()).toBe(1);

  const other = await openHost(good, { environment: (await openWay()).variables });
  expect(await other.convert()).toEqual({ ...made, status: 'reused' });
  expect(await other.runs()).toBe(0);
}, 120_000);
