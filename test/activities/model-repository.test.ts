import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeModelRepository } from '../../src/activities/serve/model-repository.js';
import { revisionPlaces } from '../../src/activities/serve/revision-places.js';
import type { JobRunner } from '../../src/platform/process/job-runner.js';
import { findRelease } from '../../src/toolchains/releases.js';
import { ENSEMBLE_TEMPLATE, ensembleModels, templateValues } from '../../src/toolchains/serving-templates.js';
import { testSpec } from '../support/specs.js';
import { openHost } from './tool-host.js';

/** `python3 fill_template.py -i FILE VALUES`. */
const fillTemplate = '#!/bin/bash\necho "$4" > "$3"\n';

/** A host whose toolchain has unfilled templates, and a revision to be made there. */
async function openServingHost() {
  const { dependencies, home } = await openHost(fillTemplate);
  for (const model of ensembleModels) {
    const template = join(home, 'toolchain/opt/ensemble_models', ENSEMBLE_TEMPLATE, model);
    await mkdir(template, { recursive: true });
    await writeFile(join(template, 'config.pbtxt'), 'unfilled');
  }
  const revision = revisionPlaces(dependencies.places, 'app', 1);
  await mkdir(revision.directory, { recursive: true });
  const spec = testSpec();
  const limits = { maxBatchSize: 4, maxInputTokens: 8, maxOutputTokens: 8 };
  const values = templateValues(spec, limits, findRelease(spec.toolchain));
  const make = (runner: JobRunner, paths = { model: '/model', engine: '/engine' }) =>
    makeModelRepository(
      { ...dependencies, jobs: runner },
      revision,
      { schema: 'enginesmith/serving-parameters/v1', template: ENSEMBLE_TEMPLATE, worldSize: 1, values },
      paths,
    );
  return { jobs: dependencies.jobs, revision, make };
}

test.each([
  [{ model: '/model', engine: '/data:1/engine' }, 'engine_dir of tensorrt_llm/config.pbtxt holds ":", which fill'],
  [{ model: '/a,b/model', engine: '/engine' }, 'tokenizer_dir of preprocessing/config.pbtxt holds ",", which fill'],
  [{ model: '/a"b/model', engine: '/engine' }, 'tokenizer_dir of preprocessing/config.pbtxt holds "\\"", which config'],
  [{ model: '', engine: '/engine' }, 'tokenizer_dir of preprocessing/config.pbtxt is empty'],
])('a path that the templates cannot take is refused before anything is written: %j', async (paths, reason) => {
  const { jobs, revision, make } = await openServingHost();
  const failure: unknown = await make(jobs, paths).catch((error: unknown) => error);
  expect(failure).toMatchObject({ type: 'PrerequisiteMissing', message: expect.stringContaining(reason) });
  expect(failure).toMatchObject({ message: expect.stringContaining('move ENGINESMITH_HOME') });
  expect(await readdir(revision.directory)).toEqual([]);
});

test('what a killed worker had filled is filled again, in the copy that is served', async () => {
  const { jobs, revision, make } = await openServingHost();

  // Once the first template is filled, nothing more is done.
  let filled = false;
  const killed: JobRunner = {
    ...jobs,
    run: (options) => {
      filled = options.argv.some((argument) => argument.endsWith('fill_template.py'));
      return jobs.run(options);
    },
    async forget(jobId) {
      if (filled) throw new Error('killed');
      await jobs.forget(jobId);
    },
  };
  await expect(make(killed)).rejects.toThrow('killed');
  await make(jobs);
  for (const model of ensembleModels) {
    const configuration = await readFile(join(revision.repository, model, 'config.pbtxt'), 'utf8');
    expect(configuration).toContain('triton_max_batch_size:4');
  }
});
