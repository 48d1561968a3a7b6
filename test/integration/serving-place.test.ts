import { expect, test } from 'vitest';
import { findServingPlace } from '../../src/activities/serving-place.js';
import { useDeployments } from '../support/deployments.js';
import { testSpec } from '../support/specs.js';

const withDeployment = useDeployments();
const serves = { roles: ['cpu', 'serve'], host: 'host-b' } as const;
const servesNothing = { roles: ['orchestrator', 'cpu'], host: 'host-b' } as const;
const { serving } = testSpec();

test('what serves already stays on its host, whichever worker takes the next spec in; a spec that names one decides', () =>
  withDeployment(async ({ promote, state }, _, client) => {
    await promote(0, { host: 'host-a' });
    const { name } = await state();
    const placeOn = (worker: typeof serves | typeof servesNothing, named = serving) =>
      findServingPlace(client, { name, serving: named }, { ...worker, roles: [...worker.roles] });
    expect(await placeOn(serves)).toEqual({ servingHost: 'host-a', expectedRevision: 1 });
    expect(await placeOn(servesNothing)).toEqual({ servingHost: 'host-a', expectedRevision: 1 });
    const moved = { servingHost: 'host-c', expectedRevision: 1 };
    expect(await placeOn(serves, { ...serving, host: 'host-c' })).toEqual(moved);
  }));

test('what serves nowhere yet is served by the worker that takes it in, if that serves at all', () =>
  withDeployment(async (_deployment, _host, client) => {
    const placeOn = (worker: typeof serves | typeof servesNothing) =>
      findServingPlace(client, { name: 'new', serving }, { ...worker, roles: [...worker.roles] });
    expect(await placeOn(serves)).toEqual({ servingHost: 'host-b', expectedRevision: 0 });
    await expect(placeOn(servesNothing)).rejects.toThrow(/serving\.host: nothing serves as new yet.*host-b/);
  }));
