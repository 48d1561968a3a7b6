import { isSplitKnown, type KnownEngine } from '../course.js';
import type { Finding } from '../findings.js';
import { hintsAbove } from '../section-hints.js';
import { numberOf } from '../tool-call.js';
import { buildFields, buildFindings } from './build-fields.js';
import { doubtComments } from './doubt-comments.js';
import { given, givenOrNone, type SpecComment, type SpecDraft } from './draft.js';
import { gpuClassField, meantTensor, modelFields, quantizationFields, type SpecContext } from './engine-fields.js';
import { deploymentName } from './names.js';
import { originsOf } from './origins.js';
import { servingFields } from './serving-fields.js';

export interface Drafted {
  draft: SpecDraft | null;
  findings: readonly Finding[];
}

/** What summarize.py loads, and the margin that the examples have: a script has no gate. */
const GATE_DATASET = 'ccdv/cnn_dailymail';
const GATE_MARGIN_SHARE = 0.1;

/** Defaults of the spec, which short engines cannot keep. */
const GATE_INPUT_TOKENS = 923;
const GATE_OUTPUT_TOKENS = 100;
const SMOKE_TOKENS = 24;
const SMOKE_STREAMS = 4;

/** The unquantized baseline needs the GPUs that held it while it was calibrated, where they are a multiple of the ranks. */
function baselineTensor(gpus: number | undefined, tensor: number, pipeline: number): number | undefined {
  const fits = gpus !== undefined && pipeline === 1 && gpus > tensor && gpus % tensor === 0;
  return fits ? gpus : undefined;
}

/** What a model that GPTQ has quantized was made from: its baseline has to be named. */
function unquantizedRepository({ checkpoint: { format } }: KnownEngine, repository: string): string | undefined {
  const name = repository.replace(/(?:[-_](?:gptq|int4|4bit|128g))+$/i, '');
  return format === 'int4_gptq' && name !== repository ? name : undefined;
}

function gateFields(engine: KnownEngine, baseline: number | undefined, repository: string | undefined) {
  const summary = engine.evaluations.find(({ tool }) => tool === 'summarize.py');
  const input = Math.min(
    summary === undefined ? GATE_INPUT_TOKENS : (numberOf(summary, '--max_input_length') ?? GATE_INPUT_TOKENS),
    engine.maxInputTokens,
  );
  const output = Math.min(
    summary === undefined ? GATE_OUTPUT_TOKENS : (numberOf(summary, '--output_len') ?? GATE_OUTPUT_TOKENS),
    engine.maxOutputTokens,
  );
  return given({
    dataset: given({ repository: GATE_DATASET }),
    maxInputTokens: input === GATE_INPUT_TOKENS ? undefined : input,
    maxOutputTokens: output === GATE_OUTPUT_TOKENS ? undefined : output,
    margin: given({ share: GATE_MARGIN_SHARE }),
    baseline: givenOrNone({
      repository,
      parallelism: baseline === undefined ? undefined : given({ tensor: baseline }),
    }),
  });
}

/** The pipeline that ends in this engine: quantize, build, gate, and serve as the templates are filled. */
export function draftDeployment(engine: KnownEngine, context: SpecContext): Drafted {
  const { checkpoint, tool } = engine;
  const model = modelFields(
    { model: checkpoint.model, family: checkpoint.family, line: checkpoint.tool.call.line, field: '--model_dir' },
    context,
  );
  if (model.fields === null) return { draft: null, findings: [...model.findings, ...buildFindings(engine)] };
  const { tensor, comment } = meantTensor(engine, context);
  const hints = hintsAbove(context.page, checkpoint.tool.call.line);
  const quantization = quantizationFields(engine, hints, tensor);
  const options = buildFields(engine);
  const { gpuClass, comments: gpuComments, findings: gpuFindings } = gpuClassField(engine, context);
  const { serving, leftOut, doubts: servingDoubts } = servingFields(engine);
  const doubts = [...quantization.doubts, ...options.doubts, ...servingDoubts];
  const unquantized = unquantizedRepository(engine, model.fields.repository);
  const baseline = baselineTensor(hints.gpus?.count, tensor, checkpoint.pipeline);
  const parallelism = givenOrNone({
    tensor: tensor === 1 && isSplitKnown(checkpoint) ? undefined : tensor,
    pipeline: checkpoint.pipeline === 1 ? undefined : checkpoint.pipeline,
  });
  const comments: SpecComment[] = [
    ...model.fields.comments,
    ...quantization.comments,
    ...gpuComments,
    ...doubtComments(engine, doubts),
    ...(comment === null ? [] : [{ path: ['parallelism', 'tensor'], text: comment }]),
    { path: ['gate'], text: 'ours: the script compares with nothing. Choose texts like those that are to be served,' },
    { path: ['gate'], text: 'and how much worse than the unquantized engine is still good enough.' },
    ...(unquantized === undefined
      ? []
      : [{ path: ['gate', 'baseline', 'repository'], text: 'a guess, from the name of the quantized model' }]),
    ...(baseline === undefined
      ? []
      : [{ path: ['gate', 'baseline'], text: 'the unquantized engine needs as many GPUs as held it to calibrate' }]),
  ];
  const value = {
    apiVersion: 'enginesmith/v1',
    name: deploymentName(engine, tensor),
    ...model.fields.value,
    toolchain: context.toolchain,
    gpuClass,
    ...quantization.value,
    ...given({ parallelism }),
    build: options.value,
    gate: gateFields(engine, baseline, unquantized),
    ...given({
      serving,
      smoke: givenOrNone({
        maxTokens: engine.maxOutputTokens < SMOKE_TOKENS ? engine.maxOutputTokens : undefined,
        concurrentStreams: engine.maxBatchSize < SMOKE_STREAMS ? engine.maxBatchSize : undefined,
      }),
    }),
  };
  return {
    draft: { kind: 'deployment', heading: leftOut, value, comments, origins: originsOf(engine), line: tool.call.line },
    findings: [
      ...model.findings,
      ...buildFindings(engine),
      ...gpuFindings,
      ...doubts.flatMap(({ finding }) => finding ?? []),
    ],
  };
}
