import { appendFile, chmod, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createBuild } from '../../src/activities/build.js';
import { testAdmission } from '../support/specs.js';
import { good, openHost } from './tool-host.js';

test('a step that finds its input corrupt says which, and the step that made that makes it again', async () => {
  const { dependencies, convert, environment, runs } = await openHost(good);
  const { artifact } = await convert();
  const { digest } = artifact;
  const files = join(dependencies.places.store, 'artifacts', digest.slice(0, 2), digest, 'files');
  const [weights = ''] = (await readdir(files)).filter((name) => name.endsWith('.safetensors'));
  await chmod(join(files, weights), 0o644);
  await appendFile(join(files, weights), 'x');
  expect(await convert()).toMatchObject({ status: 'reused', artifact });

  const build = createBuild(dependencies);
  const admitted = testAdmission();
  const building = environment.run(() => build({ admitted, step: 'baseline-engine', inputs: { checkpoint: digest } }));
  await expect(building).rejects.toMatchObject({ type: 'ArtifactCorrupt', retryable: false, context: { digest } });
  expect(await convert()).toMatchObject({ status: 'ran', artifact });
  expect(await runs()).toBe(2);
});
