import { samePin } from '../contracts/admitted-spec.js';
import type { PipelineResult } from '../contracts/pipeline.js';
import type { Resumption } from '../contracts/resumption.js';
import type { SpecInput } from '../contracts/spec.js';
import { allOrNone } from './all-or-none.js';
import { endAsCancelled } from './end-as-cancelled.js';
import { lookUntilDecided } from './look-until-decided.js';
import { Pipeline } from './pipeline.js';
import { servedGateOf } from './served-gate.js';

/**
 * A Hugging Face model becomes a quantized engine that passed its ROUGE gate, serves from Triton and survived a streaming
 * smoke test.
 *
 *     admit ─ download ─┬─ quantize | convert ─ build ─┐
 *                       └─ convert ─ build (baseline) ─┴─ until decided: evaluate both ─ gate ─ serving parameters ─ promote
 */
export const quantizeBuildDeploy = (input: SpecInput, resumption?: Resumption): Promise<PipelineResult> =>
  endAsCancelled(async () => run(await Pipeline.admit(input, resumption)));

async function run(pipeline: Pipeline): Promise<PipelineResult> {
  const { admitted } = pipeline;
  const { spec, model, baselineModel, evaluationDataset, calibrationDataset } = admitted;

  pipeline.enterPhase('download');
  const [modelFiles, baselineFiles, [dataset, shards], calibration] = await allOrNone([
    () => pipeline.make('model', 'download', {}),
    async () => (samePin(model, baselineModel) ? null : pipeline.make('baseline-model', 'download', {})),
    () => downloadDataset(pipeline),
    async () =>
      calibrationDataset === null || samePin(calibrationDataset, evaluationDataset)
        ? null
        : pipeline.make('calibration-dataset', 'download', {}),
  ]);
  const baselineModelFiles = baselineFiles ?? modelFiles;
  const calibrationFiles = calibration ?? dataset;

  pipeline.enterPhase('build');
  const [engine, baselineEngine] = await allOrNone([
    async () => {
      if (admitted.start?.kind === 'engine') return admitted.start;
      const checkpoint =
        admitted.start ??
        (await pipeline.make('checkpoint', admitted.checkpointActivity, {
          model: modelFiles.digest,
          ...(calibrationDataset === null ? {} : { calibrationDataset: calibrationFiles.digest }),
        }));
      return pipeline.make('engine', 'build', { checkpoint: checkpoint.digest });
    },
    async () => {
      if (spec.gate.baseline.source !== 'engine') return null;
      const checkpoint = await pipeline.make('baseline-checkpoint', 'convert', { model: baselineModelFiles.digest });
      return pipeline.make('baseline-engine', 'build', { checkpoint: checkpoint.digest });
    },
  ]);

  const { evidence, summary, firstEvaluation } = await lookUntilDecided(pipeline, {
    model: modelFiles,
    baselineModel: baselineModelFiles,
    engine,
    baselineEngine,
    dataset,
    shards,
  });
  const decided = { specDigest: admitted.specDigest, steps: pipeline.steps, gate: summary, evidence };
  if (summary.verdict !== 'PASS') {
    const verdict = summary.verdict === 'FAIL' ? 'REJECTED' : 'INCONCLUSIVE';
    pipeline.enterPhase(verdict.toLowerCase());
    return { ...decided, verdict, reason: summary.reason, deployment: null };
  }

  pipeline.enterPhase('promote');
  const servingParameters = await pipeline.make('serving-parameters', 'describeServing', {
    engine: engine.digest,
    model: modelFiles.digest,
  });
  const [shard] = shards;
  const { endpoint, smoke, servedGate } = await pipeline.promote({
    servingParameters,
    engine,
    model: modelFiles,
    evidence,
    gate: summary,
    ...servedGateOf(admitted, { evaluation: firstEvaluation, shard }),
  });
  pipeline.enterPhase('deployed');
  const served = servedGate === undefined ? '' : ` ${servedGate.reason}`;
  const reason = `${summary.reason}${served} Revision ${endpoint.revision} of ${endpoint.name} streamed ${smoke.chunks} chunks.`;
  return { ...decided, verdict: 'DEPLOYED', reason, deployment: endpoint };
}

/** The evaluation dataset, and its shards: one that is too small for the budget is found before a GPU is used. */
async function downloadDataset(pipeline: Pipeline) {
  const dataset = await pipeline.make('dataset', 'download', {});
  const shards = await allOrNone(
    pipeline.admitted.looks
      .flatMap((look) => look.shards)
      .map(
        ({ index }) =>
          () =>
            pipeline.make(`shard-${index}`, 'sliceDataset', { evaluationDataset: dataset.digest }),
      ),
  );
  return [dataset, shards] as const;
}
