import { EnginesmithFailure } from '../contracts/failures.js';
import type { StepOutcome, StepRequest } from '../contracts/steps.js';
import { checkMapping, parseEngineConfig } from '../toolchains/checkpoint-config.js';
import { sideOf, specOfSide } from '../toolchains/sides.js';
import { readOutput, requireRankFiles } from './check-output.js';
import type { ActivityDependencies } from './dependencies.js';
import { createToolStep } from './run-tool.js';

/** Builds one engine a rank from a checkpoint, and checks that they hold what was asked for. */
export const createBuild =
  (dependencies: ActivityDependencies) =>
  (request: StepRequest): Promise<StepOutcome> => {
    const spec = specOfSide(request.admitted.spec, sideOf(request.step));
    return createToolStep(dependencies, async ({ output }) => {
      const { pretrained_config, build_config } = parseEngineConfig(await readOutput(output, 'config.json'));
      checkMapping(pretrained_config, spec.parallelism, spec.quantization);
      const { maxBatchSize, maxInputTokens, maxOutputTokens } = spec.build;
      const asked = { max_batch_size: maxBatchSize, max_input_len: maxInputTokens, max_output_len: maxOutputTokens };
      for (const [name, value] of Object.entries(asked)) {
        const found = Object.entries(build_config).find(([key]) => key === name)?.[1];
        if (found === value) continue;
        throw new EnginesmithFailure('ToolOutputInvalid', `the engine's ${name} is ${found}; asked for was ${value}`, {
          context: { file: 'config.json', field: name },
        });
      }
      await requireRankFiles(output, pretrained_config.mapping.world_size, 'engine');
      return output;
    })(request);
  };
