import type { Spec } from '../contracts/spec.js';
import type { StepOutcome, StepRequest } from '../contracts/steps.js';
import { checkMapping, parseCheckpointConfig } from '../toolchains/checkpoint-config.js';
import { readOutput, requireRankFiles } from './check-output.js';
import type { ActivityDependencies } from './dependencies.js';
import { createToolStep } from './run-tool.js';

const createCheckpointStep =
  (dependencies: ActivityDependencies, formatOf: (spec: Spec) => Spec['quantization']['format']) =>
  (request: StepRequest): Promise<StepOutcome> => {
    const { spec } = request.admitted;
    return createToolStep(dependencies, async ({ output }) => {
      const config = parseCheckpointConfig(await readOutput(output, 'config.json'));
      checkMapping(config, spec.parallelism, formatOf(spec));
      await requireRankFiles(output, config.mapping.world_size, 'safetensors');
      return output;
    })(request);
  };

/** Quantizes a model into a TensorRT-LLM checkpoint. */
export const createQuantize = (dependencies: ActivityDependencies) =>
  createCheckpointStep(dependencies, ({ quantization }) => quantization.format);

/** Converts a model into an unquantized TensorRT-LLM checkpoint. */
export const createConvert = (dependencies: ActivityDependencies) => createCheckpointStep(dependencies, () => 'none');
