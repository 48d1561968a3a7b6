import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Digest } from '../contracts/artifacts.js';
import type { StepOutcome, StepRequest } from '../contracts/steps.js';
import { checkModel } from '../toolchains/check-model.js';
import { checkMapping, parseCheckpointConfig } from '../toolchains/checkpoint-config.js';
import { parseModelConfig } from '../toolchains/model-config.js';
import { sideOf, specOfSide } from '../toolchains/sides.js';
import { readOutput, requireRankFiles } from './check-output.js';
import type { ActivityDependencies } from './dependencies.js';
import { createToolStep } from './run-tool.js';

/**
 * Makes a TensorRT-LLM checkpoint of a model, quantized or converted as it is: the plan's command says which, and the
 * checkpoint must be what it asked for. A model that does not fit the spec is refused before a GPU is leased.
 */
export const createCheckpoint =
  (dependencies: ActivityDependencies) =>
  (request: StepRequest): Promise<StepOutcome> => {
    const { spec } = request.admitted;
    const side = sideOf(request.step);
    const { parallelism, quantization } = specOfSide(spec, side);
    // Admission saw the config.json that the Hub showed; this is the one that the tool will read.
    const checkInputs = async ({ model }: Record<string, Digest>): Promise<void> => {
      if (model === undefined) throw new Error(`step ${request.step} has no model`);
      const text = await readFile(join(await dependencies.store.materialize({ digest: model }), 'config.json'), 'utf8');
      checkModel(spec, side, parseModelConfig(text, `the downloaded ${spec.model.repository}`));
    };
    return createToolStep(
      dependencies,
      async ({ output }) => {
        const config = parseCheckpointConfig(await readOutput(output, 'config.json'));
        checkMapping(config, parallelism, quantization);
        await requireRankFiles(output, config.mapping.world_size, 'safetensors');
        return output;
      },
      { checkInputs },
    )(request);
  };
