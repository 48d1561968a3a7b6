import { mkdir, readFile, writeFile } from 'node:fs/promises';
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

test('what a killed worker had filled is filled again, in the copy that is served', async () => {
  const { dependencies, home } = await openHost(fillTemplate);
  const { jobs, launcher, places, toolchain } = dependencies;
  for (const model of ensembleModels) {
    const template = join(home, 'toolchain/opt/ensemble_models', ENSEMBLE_TEMPLATE, model);
    await mkdir(template, { recursive: true });
    await writeFile(join(template, 'config.pbtxt'), 'unfilled');
  }
  const revision = revisionPlaces(places, 'app', 1);
  await mkdir(revision.directory, { recursive: true });
  const spec = testSpec();
  const limits = { maxBatchSize: 4, maxInputTokens: 8, maxOutputTokens: 8 };
  const values = templateValues(spec, limits, findRelease(spec.toolchain));
  const make = (runner: JobRunner) =>
    makeModelRepository(
      { jobs: runner, launcher, toolchain },
      revision,
      { schema: 'enginesmith/serving-parameters/v1', template: ENSEMBLE_TEMPLATE, worldSize: 1, values },
      { model: '/model', engine: '/engine' },
    );

  // Once the first template is filled, nothing more is done.
  let filled = false;
  const killed: JobRunner = {
    ...jobs,
    run: (options) => {
      filled = options.argv.some((argument) => argument.endsWith('fill_template.py'));
      return jobs.run(options);
    },
    async remove(jobId) {
      if (filled) throw new Error('killed');
      await jobs.remove(jobId);
    },
  };
  await expect(make(killed)).rejects.toThrow('killed');
  await make(jobs);
  for (const model of ensembleModels) {
    const configuration = await readFile(join(revision.repository, model, 'config.pbtxt'), 'utf8');
    expect(configuration).toContain('triton_max_batch_size:4');
  }
});
