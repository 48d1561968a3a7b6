import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { EnginesmithFailure } from '../../contracts/failures.js';
import type { ServingParameters } from '../../contracts/serving-parameters.js';
import { toolEnvironment } from '../../platform/tool-environment.js';
import { renderArgv, substitute } from '../../toolchains/command.js';
import { toolPaths } from '../../toolchains/releases.js';
import { fillTemplateCommands, unfillable } from '../../toolchains/serving-templates.js';
import type { ActivityDependencies } from '../dependencies.js';
import type { RevisionPlaces } from './revision-places.js';

/** Filling a template takes milliseconds; a Python that does not start in this time is broken. */
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
  { jobs, toolchain }: Pick<ActivityDependencies, 'jobs' | 'toolchain'>,
  { repository, directory, jobId }: RevisionPlaces,
  parameters: ServingParameters,
  paths: { model: string; engine: string },
): Promise<string[][]> {
  checkPaths(parameters, paths);
  const fillId = `${jobId}-fill`;
  // A run that a killed worker left filled, or still fills, the copy that is thrown away here: it must not count for this one.
  await jobs.remove(fillId);
  await rm(repository, { recursive: true, force: true });
  const [templates = ''] = substitute([toolPaths.ensembleTemplates], { toolchain: toolchain.root });
  await cp(join(templates, parameters.template), repository, { recursive: true });
  const lines: string[][] = [];
  for (const command of fillTemplateCommands(parameters.values)) {
    const [program = '', ...rest] = substitute(renderArgv(command), {
      ...paths,
      toolchain: toolchain.root,
      repository,
    });
    const outcome = await jobs.run({
      jobId: fillId,
      argv: [program, ...rest],
      environment: toolEnvironment(toolchain, process.env, {}),
      workingDirectory: directory,
      kind: 'task',
      ownerTimeoutMs: FILL_TIMEOUT_MS,
    });
    await jobs.remove(fillId);
    if (outcome.exitCode !== 0) {
      throw new EnginesmithFailure(
        'ToolFailed',
        `fill_template.py exited with ${outcome.exitCode}:\n${outcome.logTail}`,
        {
          retryable: false,
        },
      );
    }
    lines.push([program, ...rest]);
  }
  return lines;
}
