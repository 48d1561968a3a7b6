import * as z from 'zod';
import {
  buildLimits,
  buildOptions,
  count,
  gpuClass,
  head,
  model,
  parallelism,
  quantization,
  text,
  toolchain,
} from './spec-fields.js';

/** A file on the Hub's side of the model, as in "pics/demo.jpeg", or one on the worker's host, by its absolute path. */
const image = z
  .string()
  .min(1)
  .max(1000)
  .regex(/^[^-\p{Cc}"][^\p{Cc}"]*$/u, 'must be the path of a picture')
  .refine((value) => !value.split('/').includes('..'), 'must not contain ".."');

/**
 * A vision-language model of Qwen-VL's kind: its vision transformer becomes a TensorRT engine by way of ONNX, its language
 * model an engine with room for the picture's tokens, and both answer one question about pictures on one host. Triton has no
 * template for them in these releases.
 */
export const visionLanguageSpecSchema = z.strictObject({
  ...head,
  kind: z.literal('vision-language'),
  model: model.describe('The whole model, vision and language'),
  toolchain,
  gpuClass,
  quantization: quantization.describe('Of the language model'),
  parallelism: parallelism.prefault({}).describe('Of the language model'),
  build: z
    .strictObject({ ...buildLimits, ...buildOptions })
    .prefault({})
    .describe('What trtllm-build is asked'),
  vision: z
    .strictObject({
      queryTokens: count(4096).default(256).describe('Tokens that one picture becomes'),
      maxImages: count(64).default(4).describe('Pictures that the vision engine takes at once'),
    })
    .prefault({}),
  question: z.strictObject({
    images: z.array(image).min(1).max(64),
    text: text(4000).default('Describe the picture'),
    maxOutputTokens: count(100_000).default(200),
  }),
});

export type VisionLanguageSpec = z.output<typeof visionLanguageSpecSchema>;
