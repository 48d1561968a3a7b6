import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SERVING_PARAMETERS_FILE, type ServingParameters } from '../contracts/serving-parameters.js';
import type { StepOutcome, StepRequest } from '../contracts/steps.js';
import { parseEngineConfig } from '../toolchains/checkpoint-config.js';
import { findRelease } from '../toolchains/releases.js';
import { ENSEMBLE_TEMPLATE, templateValues } from '../toolchains/serving-templates.js';
import type { ActivityDependencies } from './dependencies.js';
import { makeArtifact } from './make-artifact.js';
import { writeArtifact } from './write-artifact.js';

/** Describes how the engine is served, path-free. What the engine's config.json says is taken from there, not asked twice. */
export const createDescribeServing =
  (dependencies: ActivityDependencies) =>
  (request: StepRequest): Promise<StepOutcome> =>
    makeArtifact(request, dependencies, async (context) => {
      const { spec } = request.admitted;
      const directory = await dependencies.store.materialize({ digest: context.inputs.engine ?? '' });
      const engine = parseEngineConfig(await readFile(join(directory, 'config.json'), 'utf8'));
      const { max_batch_size, max_input_len, max_output_len } = engine.build_config;
      const limits = { maxBatchSize: max_batch_size, maxInputTokens: max_input_len, maxOutputTokens: max_output_len };
      const parameters: ServingParameters = {
        schema: 'enginesmith/serving-parameters/v1',
        template: ENSEMBLE_TEMPLATE,
        worldSize: engine.pretrained_config.mapping.world_size,
        values: templateValues(spec, limits, findRelease(spec.toolchain)),
      };
      return writeArtifact(dependencies, context, {
        [SERVING_PARAMETERS_FILE]: `${JSON.stringify(parameters, null, 2)}\n`,
      });
    });
