import type { StepOutcome, StepRequest } from '../contracts/steps.js';
import { checkEngine } from '../toolchains/check-engine.js';
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
      const ranks = checkEngine(await readOutput(output, 'config.json'), spec);
      await requireRankFiles(output, ranks, 'engine');
      return output;
    })(request);
  };
