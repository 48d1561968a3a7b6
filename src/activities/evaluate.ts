import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EVALUATION_FILE, type Evaluation } from '../contracts/evaluation.js';
import { EnginesmithFailure } from '../contracts/failures.js';
import type { StepOutcome, StepRequest } from '../contracts/steps.js';
import { parseSummaries, parseSummarizeLog } from '../toolchains/summarize-output.js';
import { readOutput } from './check-output.js';
import type { ActivityDependencies } from './dependencies.js';
import { createToolStep } from './run-tool.js';

/**
 * Has an engine summarize the first articles of the test split. The artifact keeps the texts; `trtllm.out` itself names
 * directories of this attempt in its header and goes.
 */
export const createEvaluate =
  (dependencies: ActivityDependencies) =>
  (request: StepRequest): Promise<StepOutcome> =>
    createToolStep(dependencies, async ({ output, scratch, log }) => {
      const summaries = parseSummaries(await readOutput(output, 'trtllm.out'));
      const { articles } = request.admitted.spec.gate;
      if (summaries.length !== articles) {
        throw new EnginesmithFailure(
          'EvaluationInvalid',
          `summarize.py wrote ${summaries.length} texts for ${articles} articles: has the dataset's test split that many rows?`,
          { context: { file: 'trtllm.out', expected: articles, found: summaries.length } },
        );
      }
      const { scores } = parseSummarizeLog(log);
      const evaluation: Evaluation = { schema: 'enginesmith/evaluation/v1', printedScores: scores, summaries };
      const made = join(scratch, 'evaluation');
      await mkdir(made, { recursive: true });
      await writeFile(join(made, EVALUATION_FILE), `${JSON.stringify(evaluation, null, 2)}\n`);
      return made;
    })(request);
