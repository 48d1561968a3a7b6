import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { ActivityDependencies } from '../../src/activities/dependencies.js';
import { createDownload } from '../../src/activities/download.js';
import { keyOf } from '../platform/store/store-fixture.js';
import { testAdmission } from '../support/specs.js';
import { openHost } from './tool-host.js';

test('the space that a download has reserved in the store is kept until the store has it', async () => {
  const { dependencies, environment } = await openHost(null);
  const { store } = dependencies;
  const names = ['config.json', 'model.safetensors'];
  const events: string[] = [];
  const hub: Pick<ActivityDependencies['hub'], 'listFiles' | 'download'> = {
    listFiles: async () => names.map((path) => ({ path, bytes: 2, digest: { algorithm: 'sha256', hex: keyOf(path) } })),
    async download({ directory }) {
      await mkdir(directory, { recursive: true });
      for (const name of names) await writeFile(join(directory, name), '{}');
      return [];
    },
  };
  const download = createDownload({
    ...dependencies,
    hub: { ...dependencies.hub, ...hub },
    store: {
      ...store,
      stage: async (...request) => {
        const staging = await store.stage(...request);
        events.push('staged');
        return {
          ...staging,
          commit: async (options) => {
            const committed = await staging.commit(options);
            events.push('committed');
            return committed;
          },
        };
      },
    },
    disk: {
      ...dependencies.disk,
      reserve: async () => ({ release: async () => void events.push('released'), leave: () => {} }),
    },
  });
  await environment.run(() => download({ admitted: testAdmission(), step: 'model', inputs: {} }));
  expect(events).toEqual(['staged', 'committed', 'released']);
});
