import { expect, test } from 'vitest';
import { findServingPlace } from '../../src/activities/serving-place.js';
import { useDeployments } from '../support/deployments.js';
import { testSpec } from '../support/specs.js';

const withDeployment = useDeployments();
const worker = { host: 'host-b' };

test('what serves already stays on its host, whichever worker takes the next spec in, unless the spec says otherwise', () =>
  withDeployment(async ({ promote, state }, _, client) => {
    await promote(0, { host: 'host-a' });
    const spec = { ...testSpec(), name: (await state()).name };
    const expectedRevision = 1;
    expect(await findServingPlace(client, spec, worker)).toEqual({ servingHost: 'host-a', expectedRevision });
    const named = { ...spec, serving: { ...spec.serving, host: 'host-c' } };
    expect(await findServingPlace(client, named, worker)).toEqual({ servingHost: 'host-c', expectedRevision });
    const onOtherGpus = { ...spec, gpuClass: 'sm90' };
    expect(await findServingPlace(client, onOtherGpus, worker)).toEqual({ servingHost: 'host-b', expectedRevision });
  }));

test('what serves nowhere yet is served by the host that takes it in', () =>
  withDeployment(async (_deployment, _host, client) => {
    const place = await findServingPlace(client, { ...testSpec(), name: 'new' }, worker);
    expect(place).toEqual({ servingHost: 'host-b', expectedRevision: 0 });
  }));
