import { rm } from 'node:fs/promises';
import { basename } from 'node:path';
import { EnginesmithFailure } from '../../contracts/failures.js';
import type { ServingParameters } from '../../contracts/serving-parameters.js';
import { renderArgv, substitute } from '../../toolchains/command.js';
import { copyTemplatesCommand, fillTemplateCommands, unfillable } from '../../toolchains/serving-templates.js';
import type { ActivityDependencies } from '../dependencies.js';
import type { RevisionPlaces } from './revision-places.js';

/** Copying and filling templates takes milliseconds; a Python that does not start in this time is broken. */
const FILL_TIMEOUT_MS = 60_000;

/**
 * The values that hold a place of this host: only here is it known whether the templates can take them.
 * @throws EnginesmithFailure `PrerequisiteMissing` naming the value and its file
 */
function checkPaths({ values }: ServingParameters, paths: Record<string, string>): void {
  for (const [model, ofModel] of Object.entries(values)) {
    for (const [key, template] of Object.entries(ofModel)) {
      const [value = ''] = substitute([template], paths);
      const reason = value === template ? null : unfillable(value);
      if (reason === null) continue;
      throw new EnginesmithFailure(
        'PrerequisiteMissing',
        `${JSON.stringify(value)} for ${key} of ${model}/config.pbtxt ${reason}: ` +
          'move ENGINESMITH_HOME to a path without colons, commas, quotes and backslashes',
        { context: { file: `${model}/config.pbtxt`, field: key } },
      );
    }
  }
}

/**
 * Makes a revision's model repository: a fresh copy of the templates, filled. Filling is not idempotent, so a half-filled
 * copy is never filled again.
 * @param paths local directories of the model and the engine
 * @returns the command lines that were run
 * @throws EnginesmithFailure `PrerequisiteMissing` before anything is written, where the templates cannot take a path
 */
export async function makeModelRepository(
  { jobs, launcher, toolchain }: Pick<ActivityDependencies, 'jobs' | 'launcher' | 'toolchain'>,
  { repository, directory, jobId }: RevisionPlaces,
  parameters: ServingParameters,
  paths: { model: string; engine: string },
): Promise<string[][]> {
  checkPaths(parameters, paths);
  const fillId = `${jobId}-fill`;
  // A run that a killed worker left filled, or still fills, the copy that is thrown away here: it must not count for this one.
  await jobs.forget(fillId);
  await rm(repository, { recursive: true, force: true });
  const values = { ...paths, toolchain: toolchain.root, repository };
  const lines: string[][] = [];
  for (const template of [copyTemplatesCommand(parameters.template), ...fillTemplateCommands(parameters.values)]) {
    const argv = substitute(renderArgv(template), values);
    const inputs = Object.values(paths);
    const fill = launcher.launch({ jobId: fillId, argv, kind: 'task', workingDirectory: directory, inputs });
    const outcome = await jobs.run({ ...fill, ownerTimeoutMs: FILL_TIMEOUT_MS });
    await jobs.forget(fillId);
    if (outcome.exitCode !== 0) {
      await launcher.explainFailure(fill.argv, outcome);
      const tool = basename(argv.find((argument) => argument.endsWith('.py')) ?? 'cp');
      throw new EnginesmithFailure('ToolFailed', `${tool} exited with ${outcome.exitCode}:\n${outcome.logTail}`, {
        retryable: false,
      });
    }
    lines.push([...fill.argv]);
  }
  return lines;
}
