import type { SpecProblem } from '../contracts/spec-problems.js';
import { CPU_TASK_QUEUE, gpuTaskQueue } from '../contracts/task-queues.js';
import type { VisionLanguageSpec } from '../contracts/vision-language-spec.js';
import { commandOf, located, path, semantic } from './ask.js';
import { underMpi } from './command.js';
import { convertCheckpointCommand } from './convert-checkpoint.js';
import { type FixedStep, unsupportedIn } from './fixed-plan.js';
import { findRelease, toolPaths } from './releases.js';
import { worldSizeOf } from './sides.js';
import { trtllmBuildCommand } from './trtllm-build.js';

/** Where vit_onnx_trt.py puts its engine, below `--planFile`'s directory; run.py up to v0.12 appends it by itself. */
const PLAN_FILE = 'visual_encoder/visual_encoder_fp16.plan';

/**
 * `qwenvl/vit_onnx_trt.py`: the vision transformer as ONNX, then as a TensorRT engine. It also writes image.pt, the pictures
 * as the engine takes them, into its working directory, unless one lies there: so the directory is always a fresh one.
 */
const visionCommand = ({ toolchain, vision, question }: VisionLanguageSpec) =>
  commandOf(
    findRelease(toolchain).release,
    'qwenvl/vit_onnx_trt.py',
    ['python3', toolPaths.qwenVlVision],
    [
      path('--pretrained_model_path', 'model'),
      located('--onnxFile', '{output}/visual_encoder/visual_encoder.onnx'),
      located('--planFile', `{output}/plan/${PLAN_FILE}`),
      semantic('--maxBS', vision.maxImages),
      located('--image_url', question.images.map(pictureOf)),
    ],
  );

/** A picture of the model's repository lies in its directory. */
const pictureOf = (image: string): string => (image.startsWith('/') ? image : `{model}/${image}`);

/** `qwenvl/run.py`: one question about the pictures, answered by both engines. */
const questionCommand = ({ toolchain, question, parallelism }: VisionLanguageSpec) => {
  const ranks = worldSizeOf({ parallelism });
  const program = ranks === 1 ? ['python3', toolPaths.qwenVlRun] : underMpi(ranks, toolPaths.qwenVlRun);
  return commandOf(findRelease(toolchain).release, 'qwenvl/run.py', program, [
    path('--tokenizer_dir', 'model'),
    path('--qwen_engine_dir', 'engine'),
    located('--vit_engine_path', `{vision}/plan/${PLAN_FILE}`, {
      otherwise: [{ flag: '--vit_engine_dir', value: '{vision}/plan' }],
    }),
    located(
      '--images_path',
      question.images.map((image) => JSON.stringify({ image: pictureOf(image) })),
    ),
    // From v0.13 on it reads the pictures itself.
    located('--input_dir', [JSON.stringify({ image: '{vision}/image.pt' })], { isDefaultWhereGone: true }),
    semantic('--input_text', question.text),
    semantic('--max_new_tokens', question.maxOutputTokens, { field: 'question.maxOutputTokens' }),
  ]);
};

/** Every step of a vision-language pipeline, in order. */
export function planVisionLanguage(spec: VisionLanguageSpec): FixedStep[] {
  const { gpuClass, build, vision, parallelism } = spec;
  const ranks = worldSizeOf({ parallelism });
  const builders = Math.min(build.workers, ranks);
  return [
    { name: 'model', queue: CPU_TASK_QUEUE, gpus: 0, reads: [], commands: [] },
    {
      name: 'vision',
      queue: gpuTaskQueue(gpuClass, 1),
      gpus: 1,
      reads: ['model'],
      commands: [visionCommand(spec)],
    },
    {
      name: 'checkpoint',
      queue: CPU_TASK_QUEUE,
      gpus: 0,
      reads: ['model'],
      commands: [convertCheckpointCommand(spec)],
    },
    {
      name: 'engine',
      queue: gpuTaskQueue(gpuClass, builders),
      gpus: builders,
      reads: ['checkpoint'],
      commands: [trtllmBuildCommand(spec, vision.queryTokens * build.maxBatchSize)],
    },
    {
      name: 'question',
      queue: gpuTaskQueue(gpuClass, ranks),
      gpus: ranks,
      reads: ['model', 'vision', 'engine'],
      commands: [questionCommand(spec)],
    },
  ];
}

/** What the schema cannot say of a vision-language spec, and what its release cannot do. */
export function visionLanguageProblems(spec: VisionLanguageSpec): SpecProblem[] {
  const { model, quantization, vision, question, build, gpuClass } = spec;
  const { name, gpuClasses } = findRelease(spec.toolchain);
  const problems: SpecProblem[] = [];
  const add = (field: string, problem: string): void => void problems.push({ field, problem });
  if (model.family !== 'qwen') add('model.family', `${model.family} has no vision program that is known; use qwen`);
  if (!gpuClasses.includes(gpuClass) || gpuClass === 'cpu') {
    const real = gpuClasses.filter((known) => known !== 'cpu').join(', ') || 'none: use trtllm-0.10, say';
    add('gpuClass', `"${gpuClass}" runs no vision engine; toolchain ${name} has ${real}`);
  }
  if (quantization.format !== 'none' || quantization.kvCache !== 'none') {
    add(
      'quantization.format',
      'is none in a vision-language spec: quantize.py takes no model with a vision transformer',
    );
  }
  if (question.images.length > vision.maxImages) {
    add('question.images', `are ${question.images.length}; vision.maxImages is ${vision.maxImages}`);
  }
  const promptTokens = vision.queryTokens * question.images.length;
  if (promptTokens >= build.maxInputTokens) {
    add(
      'build.maxInputTokens',
      `${build.maxInputTokens} has no room for ${promptTokens} tokens of pictures and a question`,
    );
  }
  if (question.maxOutputTokens > build.maxOutputTokens) {
    add(
      'question.maxOutputTokens',
      `${question.maxOutputTokens} is more than build.maxOutputTokens ${build.maxOutputTokens}`,
    );
  }
  return [...problems, ...unsupportedIn(planVisionLanguage(spec))];
}
