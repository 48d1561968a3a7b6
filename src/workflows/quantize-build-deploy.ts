import { samePin } from '../contracts/admitted-spec.js';
import type { PipelineResult } from '../contracts/pipeline.js';
import type { SpecInput } from '../contracts/spec.js';
import { allOrNone } from './all-or-none.js';
import { endAsCancelled } from './end-as-cancelled.js';
import { Pipeline } from './pipeline.js';

/**
 * A Hugging Face model becomes a quantized engine that passed its ROUGE gate, serves from Triton and survived a streaming
 * smoke test.
 *
 *     admit ─ download ─┬─ quantize | convert ─ build ─┐
 *                       └─ convert ─ build (baseline) ─┴─ evaluate both ─ gate ─ serving parameters ─ promote
 */
export const quantizeBuildDeploy = (input: SpecInput): Promise<PipelineResult> =>
  endAsCancelled(async () => run(await Pipeline.admit(input)));

async function run(pipeline: Pipeline): Promise<PipelineResult> {
  const { admitted } = pipeline;
  const { model, baselineModel, evaluationDataset, calibrationDataset } = admitted;

  pipeline.enterPhase('download');
  const [modelFiles, baselineFiles, dataset, calibration] = await allOrNone([
    () => pipeline.make('model', 'download', {}),
    async () => (samePin(model, baselineModel) ? null : pipeline.make('baseline-model', 'download', {})),
    () => pipeline.make('dataset', 'download', {}),
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
      const checkpoint = await pipeline.make('checkpoint', admitted.checkpointActivity, {
        model: modelFiles.digest,
        ...(calibrationDataset === null ? {} : { calibrationDataset: calibrationFiles.digest }),
      });
      return pipeline.make('engine', 'build', { checkpoint: checkpoint.digest });
    },
    async () => {
      const checkpoint = await pipeline.make('baseline-checkpoint', 'convert', { model: baselineModelFiles.digest });
      return pipeline.make('baseline-engine', 'build', { checkpoint: checkpoint.digest });
    },
  ]);

  pipeline.enterPhase('evaluate');
  const [evaluation, baselineEvaluation] = await allOrNone([
    () =>
      pipeline.make('evaluation', 'evaluate', {
        engine: engine.digest,
        model: modelFiles.digest,
        evaluationDataset: dataset.digest,
      }),
    () =>
      pipeline.make('baseline-evaluation', 'evaluate', {
        engine: baselineEngine.digest,
        model: baselineModelFiles.digest,
        evaluationDataset: dataset.digest,
      }),
  ]);

  pipeline.enterPhase('gate');
  const { evidence, summary } = await pipeline.gate({
    candidate: evaluation.digest,
    baseline: baselineEvaluation.digest,
    evaluationDataset: dataset.digest,
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
  const { endpoint, smoke } = await pipeline.promote({
    servingParameters,
    engine,
    model: modelFiles,
    evidence,
    gate: summary,
  });
  pipeline.enterPhase('deployed');
  const reason = `${summary.reason} Revision ${endpoint.revision} of ${endpoint.name} streamed ${smoke.chunks} chunks.`;
  return { ...decided, verdict: 'DEPLOYED', reason, deployment: endpoint };
}
