import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EVALUATION_FILE, type Shard } from '../contracts/evaluation.js';
import { EnginesmithFailure } from '../contracts/failures.js';
import type { Spec } from '../contracts/spec.js';
import type { StepOutcome, StepRequest } from '../contracts/steps.js';
import { readChatFormat } from '../platform/chat-format.js';
import { readRows } from '../platform/dataset-rows.js';
import { questionRenderer } from '../toolchains/evaluation-prompts.js';
import { parseRunOutput } from '../toolchains/run-output.js';
import { type ShardAnswers, shardEvaluation } from '../toolchains/shard-evaluation.js';
import { sideOf } from '../toolchains/sides.js';
import { parseSummaries, parseSummarizeLog, textsFile } from '../toolchains/summarize-output.js';
import { readOutput } from './check-output.js';
import type { ActivityDependencies } from './dependencies.js';
import { createToolStep, type FinishedTool } from './run-tool.js';
import { shardOf } from './shard-of.js';

/**
 * Has one side answer every row of a shard. The artifact keeps the texts; what the tool wrote itself names directories of this
 * attempt and goes.
 */
export const createEvaluate =
  (dependencies: ActivityDependencies) =>
  (request: StepRequest): Promise<StepOutcome> => {
    const { spec } = request.admitted;
    const shard = shardOf(request);
    const answersOf = spec.gate.dataset.kind === 'prompts' ? promptAnswers : articleSummaries;
    return createToolStep(
      dependencies,
      async (tool) => {
        const answers = await answersOf(tool, request, shard);
        const evaluation = shardEvaluation(answers, shard, request.inputs.evaluationDataset ?? '');
        const made = join(tool.scratch, 'evaluation');
        await mkdir(made, { recursive: true });
        await writeFile(join(made, EVALUATION_FILE), `${JSON.stringify(evaluation, null, 2)}\n`);
        return made;
      },
      {
        listsOf: async ({ model = '', evaluationDataset = '' }): Promise<Record<string, string[]>> =>
          spec.gate.dataset.kind === 'prompts'
            ? { prompts: await renderPrompts(spec, { model, evaluationDataset }, shard) }
            : {},
      },
    )(request);
  };

async function articleSummaries({ output, log }: FinishedTool, { admitted, step }: StepRequest): Promise<ShardAnswers> {
  const { source } = admitted.spec.gate.baseline;
  const side = sideOf(step) === 'baseline' && source === 'huggingface' ? 'huggingface' : 'engine';
  const texts = parseSummaries(await readOutput(output, textsFile(side)), side);
  const { scores, perplexity } = parseSummarizeLog(log, side);
  return { printedScores: scores, perplexity, texts };
}

async function promptAnswers({ log }: FinishedTool, _: StepRequest, { count }: Shard): Promise<ShardAnswers> {
  const texts = parseRunOutput(log, count).map((text, row) => ({ row, text }));
  return { printedScores: null, perplexity: null, texts };
}

/** @throws EnginesmithFailure `EvaluationInvalid` for a prompt that run.py would take for a flag */
async function renderPrompts(
  spec: Spec,
  { model, evaluationDataset }: { model: string; evaluationDataset: string },
  { from, count }: Shard,
): Promise<string[]> {
  const renderer = questionRenderer(spec, await readChatFormat(model));
  const rows = await readRows(evaluationDataset, {
    kind: 'prompts',
    split: 'test',
    rows: Array.from({ length: count }, (_, index) => index),
  });
  return rows.map(({ row, question }) => {
    const prompt = renderer.forTool(question);
    if (!prompt.startsWith('-') && prompt !== '') return prompt;
    throw new EnginesmithFailure(
      'EvaluationInvalid',
      `Prompt ${from + row} of the dataset is empty or starts with "-", which run.py takes for a flag: write it differently.`,
      { context: { row: from + row } },
    );
  });
}
