import { posix } from 'node:path';
import * as z from 'zod';
import { isSplitKnown, type KnownEngine, PICTURE_TOKENS } from '../course.js';
import { hintsAbove } from '../section-hints.js';
import { numberOf, type ToolCall, textOf } from '../tool-call.js';
import { buildFields, buildFindings } from './build-fields.js';
import type { Drafted } from './deployment.js';
import { doubtComments } from './doubt-comments.js';
import { given, givenOrNone } from './draft.js';
import { gpuClassField, modelFields, quantizationFields, type SpecContext } from './engine-fields.js';
import { slug } from './names.js';
import { originsOf } from './origins.js';

/** One value of qwenvl/run.py's `--images_path`. */
const imageArgument = z.looseObject({ image: z.string().min(1) });

function imagesOf(question: ToolCall): string[] {
  const values = question.given.get('--images_path')?.values ?? [];
  return values.flatMap(({ text }) => {
    try {
      const parsed = imageArgument.safeParse(JSON.parse(text ?? ''));
      return parsed.success ? [posix.normalize(parsed.data.image)] : [];
    } catch {
      return [];
    }
  });
}

/** Default of the spec. */
const MAXIMUM_IMAGES = 4;

/** A vision-language pipeline: the engine of the language model, that of the pictures, and the question. */
export function draftVisionLanguage(
  engine: KnownEngine & { question: ToolCall },
  visionBuilds: readonly ToolCall[],
  context: SpecContext,
): Drafted {
  const { checkpoint, question, tool } = engine;
  const model = modelFields(
    { model: checkpoint.model, family: checkpoint.family, line: checkpoint.tool.call.line, field: '--model_dir' },
    context,
  );
  const options = buildFields(engine);
  if (model.fields === null) return { draft: null, findings: [...model.findings, ...buildFindings(engine)] };
  const { gpuClass, comments, findings: gpuFindings } = gpuClassField(engine, context);
  const hints = hintsAbove(context.page, checkpoint.tool.call.line);
  const quantization = quantizationFields(engine, hints, checkpoint.tensor);
  const vision = visionBuilds.findLast(({ call }) => call.line < question.call.line);
  const images = imagesOf(question);
  const maxImages = vision === undefined ? null : numberOf(vision, '--maxBS');
  const table = numberOf(tool, '--max_prompt_embedding_table_size') ?? 0;
  const queryTokens = Math.floor(table / engine.maxBatchSize);
  const text = textOf(question, '--input_text');
  const output = numberOf(question, '--max_new_tokens');
  const doubts = doubtComments(engine, [...quantization.doubts, ...options.doubts]);
  const value = {
    apiVersion: 'enginesmith/v1',
    kind: 'vision-language',
    name: slug(posix.basename(checkpoint.model ?? 'vision-language')),
    ...model.fields.value,
    toolchain: context.toolchain,
    gpuClass,
    ...quantization.value,
    ...given({
      parallelism: givenOrNone({
        tensor: checkpoint.tensor === 1 && isSplitKnown(checkpoint) ? undefined : checkpoint.tensor,
      }),
      build: options.value,
      vision: givenOrNone({
        queryTokens: queryTokens <= PICTURE_TOKENS ? undefined : queryTokens,
        maxImages: maxImages === null || maxImages === MAXIMUM_IMAGES ? undefined : maxImages,
      }),
      question: given({
        images: images.length === 0 ? ['pics/demo.jpeg'] : images,
        text: text ?? 'Describe the picture',
        maxOutputTokens: output === null || output === 200 ? undefined : output,
      }),
    }),
  };
  return {
    draft: {
      kind: 'vision-language',
      heading: [],
      value,
      comments: [
        ...model.fields.comments,
        ...quantization.comments,
        ...comments,
        ...doubts,
        ...(images.length === 0 ? [{ path: ['question', 'images'], text: 'ours: the script names none' }] : []),
      ],
      origins: originsOf(engine),
      line: tool.call.line,
    },
    findings: [
      ...model.findings,
      ...buildFindings(engine),
      ...gpuFindings,
      ...[...quantization.doubts, ...options.doubts].flatMap(({ finding }) => finding ?? []),
    ],
  };
}
