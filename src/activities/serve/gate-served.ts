import { cancellationSignal } from '@temporalio/activity';
import pLimit from 'p-limit';
import type { RevisionRequest } from '../../contracts/activities.js';
import type { ServedGate, ServedGateReport } from '../../contracts/deployment.js';
import { type DatasetRow, EVALUATION_FILE, evaluationSchema, type GeneratedText } from '../../contracts/evaluation.js';
import { EnginesmithFailure } from '../../contracts/failures.js';
import type { ServingEndpoint } from '../../contracts/pipeline.js';
import { evaluateServed } from '../../gate/served.js';
import { readChatFormat } from '../../platform/chat-format.js';
import { readRows } from '../../platform/dataset-rows.js';
import type { ArtifactStore } from '../../platform/store/artifact-store.js';
import { createTritonClient, type TritonClient } from '../../platform/triton/client.js';
import { servedModels } from '../../platform/triton/tensors.js';
import { questionRenderer, tokensAtMost } from '../../toolchains/evaluation-prompts.js';
import { GATE_ALPHA } from '../../toolchains/gate-policy.js';
import { attemptId } from '../attempt.js';
import type { ActivityDependencies } from '../dependencies.js';
import { readArtifactJson } from '../read-artifact.js';
import { revisionPlaces } from './revision-places.js';

/** Enough to see answers under load; an engine of a smaller batch lets the others wait. */
const QUESTIONS_AT_ONCE = 4;

/** A thousand tokens of a 72B engine that shares its batch. */
const ANSWER_DEADLINE_MS = 10 * 60_000;

/** Asks a revision through Triton what its engine was asked without, and compares the answers. */
export const createGateServed =
  ({ jobs, places, store }: ActivityDependencies) =>
  async ({
    name,
    number,
    description,
    endpoint,
  }: RevisionRequest & { endpoint: ServingEndpoint }): Promise<ServedGateReport> => {
    const { servedGate, model, toolchain } = description;
    if (servedGate === undefined) throw new Error(`revision ${number} of ${name} has no gate through Triton`);
    const { gate } = servedGate;
    const { rows, engineTexts } = await readQuestions(store, servedGate);
    const chat = await readChatFormat(await store.materialize(model));
    const renderer = questionRenderer({ gate, toolchain: toolchain.name }, chat);
    const client = createTritonClient({ url: endpoint.grpcUrl });
    const limit = pLimit(QUESTIONS_AT_ONCE);
    const signal = cancellationSignal();
    const ask = async ({ question, row }: DatasetRow): Promise<GeneratedText> => ({
      row,
      text: await answer(client, {
        text: renderer.forServer(question),
        maxTokens: gate.maxOutputTokens,
        requestId: `served-gate-${attemptId()}-${row}`,
        signal,
      }),
    });
    try {
      const servedTexts = await Promise.all(rows.map((row) => limit(() => ask(row))));
      const report = evaluateServed({
        gate,
        alpha: GATE_ALPHA,
        engineTexts,
        servedTexts,
        rows,
      });
      if (report.verdict !== 'FAIL') return report;
      const { meanDifference, upperBound, marginPoints, articles, identicalTexts } = report;
      throw new EnginesmithFailure(
        'ServedGateFailed',
        `Revision ${number} of ${name} answers through Triton worse than its engine does: ${report.reason} Compare its ` +
          'tokenizer, chat template and stop tokens with those of the evaluation. The name stays with its old revision.',
        { context: { articles, identicalTexts, meanDifference, upperBound, marginPoints } },
      );
    } catch (failure) {
      throw await refusalAsVerdict(
        failure,
        async () => (await jobs.inspect(revisionPlaces(places, name, number).jobId)).state === 'running',
      );
    } finally {
      limit.clearQueue();
      client.close();
    }
  };

/** The first rows of the shard that a tool does not cut and the server takes, with what the engine answered to each. */
async function readQuestions(
  store: ArtifactStore,
  { gate, shard, evaluation }: ServedGate,
): Promise<{ rows: DatasetRow[]; engineTexts: GeneratedText[] }> {
  const [directory, evaluated] = await Promise.all([
    store.materialize(shard),
    readArtifactJson(store, { digest: evaluation.digest, file: EVALUATION_FILE, schema: evaluationSchema }),
  ]);
  // A shard is a dataset of its own: its rows are counted from its start.
  const engineTexts = evaluated.texts.map(({ row, text }) => ({ row: row - evaluated.shard.from, text }));
  const { kind } = gate.dataset;
  const rows = await readRows(directory, { kind, split: 'test', rows: engineTexts.map(({ row }) => row) });
  // The tools cut what is longer; Triton takes it whole or refuses it.
  const fits = ({ question }: DatasetRow): boolean => tokensAtMost(question) <= gate.maxInputTokens;
  return { rows: rows.filter(fits).slice(0, gate.served.articles), engineTexts };
}

/** The whole answer at once: what streams is the smoke test's concern. */
async function answer(
  client: TritonClient,
  { text, maxTokens, requestId, signal }: { text: string; maxTokens: number; requestId: string; signal: AbortSignal },
): Promise<string> {
  const request = { model: servedModels.ensemble, text, maxTokens, stream: false, requestId };
  let answered = '';
  for await (const chunk of client.streamGenerate(request, { deadlineMs: ANSWER_DEADLINE_MS, signal })) {
    answered += chunk.text ?? '';
  }
  return answered;
}

/** A server that lives and does not answer what its engine did is worse than the engine; one that fell is not there. */
async function refusalAsVerdict(failure: unknown, stillAlive: () => Promise<boolean>): Promise<unknown> {
  if (!(failure instanceof EnginesmithFailure) || failure.type !== 'TritonUnavailable') return failure;
  if (!(await stillAlive())) return failure;
  return new EnginesmithFailure(
    'ServedGateFailed',
    `A question that the engine answered was not answered through Triton, which still runs: ${failure.message}`,
    { context: failure.context, cause: failure },
  );
}
