import { AGREEMENT_FILE, agreementSchema } from '../contracts/evaluation.js';
import { EnginesmithFailure } from '../contracts/failures.js';
import type { StepOutcome, StepRequest } from '../contracts/steps.js';
import { parseJson } from '../platform/parse-json.js';
import { readOutput } from './check-output.js';
import type { ActivityDependencies } from './dependencies.js';
import { createToolStep } from './run-tool.js';
import { shardOf } from './shard-of.js';

/** Compares candidate and baseline token by token on the baseline's texts of a shard. */
export const createCompareEngines =
  (dependencies: ActivityDependencies) =>
  (request: StepRequest): Promise<StepOutcome> => {
    const { from, count } = shardOf(request);
    return createToolStep(dependencies, async ({ output }) => {
      const parsed = agreementSchema.safeParse(parseJson(await readOutput(output, AGREEMENT_FILE)));
      if (!parsed.success) throw invalid(`is not as expected: ${parsed.error.issues[0]?.message}`);
      const { shard, articles } = parsed.data;
      if (shard.from !== from || shard.count !== count || articles.length > count)
        throw invalid(`is about ${shard.count} rows from ${shard.from}; asked for were ${count} from ${from}`);
      return output;
    })(request);
  };

const invalid = (problem: string): EnginesmithFailure =>
  new EnginesmithFailure('ToolOutputInvalid', `${AGREEMENT_FILE} of compare_engines.py ${problem}`, {
    context: { file: AGREEMENT_FILE },
  });
