import type { StepOutcome, StepRequest } from '../contracts/steps.js';
import { checkMapping, parseCheckpointConfig } from '../toolchains/checkpoint-config.js';
import { sideOf, specOfSide } from '../toolchains/sides.js';
import { readOutput, requireRankFiles } from './check-output.js';
import type { ActivityDependencies } from './dependencies.js';
import { createToolStep } from './run-tool.js';

/**
 * Makes a TensorRT-LLM checkpoint of a model, quantized or converted as it is: the plan's command says which, and the
 * checkpoint must be what it asked for.
 */
export const createCheckpoint =
  (dependencies: ActivityDependencies) =>
  (request: StepRequest): Promise<StepOutcome> => {
    const { parallelism, quantization } = specOfSide(request.admitted.spec, sideOf(request.step));
    return createToolStep(dependencies, async ({ output }) => {
      const config = parseCheckpointConfig(await readOutput(output, 'config.json'));
      checkMapping(config, parallelism, quantization);
      await requireRankFiles(output, config.mapping.world_size, 'safetensors');
      return output;
    })(request);
  };
