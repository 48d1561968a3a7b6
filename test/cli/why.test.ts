import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { actionKey } from '../../src/contracts/action-key.js';
import { createArtifactStore } from '../../src/platform/store/artifact-store.js';
import { stepKeyParts } from '../../src/toolchains/step-key.js';
import { planSteps } from '../../src/toolchains/step-plans.js';
import { record } from '../platform/store/store-fixture.js';
import { testAdmission } from '../support/specs.js';
import { enginesmith, example, temporaryDirectory } from './cli-fixture.js';

/** A home in which the model of an example was fetched at a commit. */
async function homeWithModel(repository: string): Promise<string> {
  const home = await temporaryDirectory();
  const store = createArtifactStore({ directory: join(home, 'store'), cacheDirectory: join(home, 'cache') });
  onTestFinished(() => store.close());
  const admitted = { ...testAdmission(), model: { repository, commit: '7'.repeat(40) } };
  const [model] = planSteps(admitted);
  if (model === undefined) throw new Error('no step');
  const components = stepKeyParts(model, {}, admitted);
  const staging = await store.stage('model');
  await writeFile(join(staging.directory, 'config.json'), '{}');
  await staging.commit({ key: actionKey(components), components, madeAs: 'model', record });
  return home;
}

test('a spec is explained without a server, its branch where it was fetched last', async () => {
  const home = await homeWithModel('HuggingFaceTB/SmolLM2-135M-Instruct');
  const { exitCode, stdout, stderr } = await enginesmith(['why', '--json', example('smollm2-135m-fp8')], {
    ENGINESMITH_HOME: home,
  });
  expect(exitCode, stderr).toBe(0);
  expect(stderr).toContain('is taken to be 777777777777');
  expect(JSON.parse(stdout).steps[0]).toMatchObject({ name: 'model', state: 'reuse' });
});

test('one step is explained alone, and one that is not there is refused with those that are', async () => {
  const one = await enginesmith(['why', example('smollm2-135m-fp8'), 'engine']);
  expect(one.stdout).toMatch(/engine +open: nothing like it was made before/);
  expect(one.stdout).not.toContain('checkpoint');
  const none = await enginesmith(['why', example('smollm2-135m-fp8'), 'motor']);
  expect(none).toMatchObject({ exitCode: 2, stdout: '' });
  expect(none.stderr).toContain('no step "motor"');
});
