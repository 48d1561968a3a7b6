import * as z from 'zod';

/**
 * A text that becomes part of a command line. A value that starts with `--` would be read as a flag by the tool that gets
 * it, and control characters would break logs, so neither passes.
 */
export const text = (maximumLength: number) =>
  z
    .string()
    .min(1, 'must not be empty')
    .max(maximumLength)
    .refine((value) => !value.startsWith('--'), 'must not start with "--": a tool would read it as a flag')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
    .refine((value) => !/[\u0000-\u0008\u000b-\u001f\u007f]/.test(value), 'must not contain control characters');

const name = z
  .string()
  .regex(
    /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/,
    'must be 1 to 63 lower-case letters, digits and dashes, as in "llama-2-13b-fp8"',
  );

export const repository = z
  .string()
  .max(160)
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]*\/[A-Za-z0-9][A-Za-z0-9._-]*$/,
    'must be a Hub repository "owner/name", as in "meta-llama/Llama-2-13b-chat-hf"',
  )
  .refine((value) => !value.includes('..'), 'must not contain ".."');

export const revision = z
  .string()
  .max(200)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._/-]*$/, 'must be a branch, tag or commit of the repository, as in "main"')
  .refine((value) => !value.includes('..'), 'must not contain ".."');

export const source = z.strictObject({
  repository: repository.describe('Of the Hub, owner/name'),
  revision: revision
    .default('main')
    .describe(
      'Branch, tag or commit, pinned to a commit when the pipeline is admitted; or the digest of what `enginesmith artifacts import` took in',
    ),
});

/** Families of models whose converters the releases know; what a family is decides which program converts it. */
const modelFamilies = ['llama', 'qwen', 'baichuan'] as const;
export type ModelFamily = (typeof modelFamilies)[number];

export const model = source.extend({
  family: z
    .enum(modelFamilies)
    .default('llama')
    .describe('Whose convert_checkpoint.py; llama takes Mistral and Mixtral too'),
});

/** A directory on the host of the worker that admits. fill_template.py splits its values at `:` and `,`. */
export const directory = z
  .string()
  .max(1000)
  .regex(/^\/[^:,\p{Cc}]+$/u, 'must be an absolute path without ":" and ","')
  .refine((value) => !value.split('/').includes('..'), 'must not contain ".."');

export const count = (maximum: number) => z.int().min(1).max(maximum);

/** Formats of quantize.py v0.10, and `none`, which converts the checkpoint as it is. */
const quantizationFormats = [
  'none',
  'fp8',
  'int4_awq',
  'int4_gptq',
  'int4_wo',
  'int8_sq',
  'int8_wo',
  'w4a8_awq',
] as const;

const calibration = z.strictObject({
  dataset: source.describe('A dataset with the columns of cnn_dailymail; its train split is read from the start'),
  samples: count(4096).default(512).describe('Rows that are read; AWQ formats read 32 at most'),
  maxSequenceTokens: count(8192).default(512).describe('Of a sample; longer ones are cut'),
  batchSize: count(1024).optional().describe('Samples at once. @default of the release: 1'),
});

export const parallelism = z.strictObject({
  tensor: count(64)
    .default(1)
    .describe('Divides heads and intermediate size, and divides the key-value heads or is a multiple of them'),
  pipeline: count(64).default(1).describe('Divides the layers'),
});

export const toolchain = z
  .string({ error: 'must be the name of a toolchain, as in "trtllm-0.10"' })
  .max(60)
  .default('reference-cpu')
  .describe('reference-cpu, or trtllm-0.9 to trtllm-0.13');

export const gpuClass = z
  .string()
  .regex(/^[a-z0-9]{1,20}$/, 'must be a GPU class as in "sm89", "sm90" or "cpu"')
  .default('cpu')
  .describe(
    'Names the task queue: cpu for the reference, else sm80, sm86, sm89, sm90. Engines are shared by all GPUs of a class, so a store should see one GPU model a class',
  );

/** What trtllm-build may be asked beside the limits; what is left out is the release's default. */
export const buildOptions = {
  maxBeamWidth: count(64).optional().describe('More than 1 only takes memory: what is served samples one sequence'),
  maxNumTokens: count(1_000_000).optional().describe('Tokens of one step over all requests, after padding is removed'),
  optNumTokens: count(1_000_000).optional().describe('Tokens of one step that kernels are tuned for'),
  tokensPerBlock: z
    .literal([8, 16, 32, 64, 128, 256, 512, 1024])
    .optional()
    .describe('Of the paged KV cache; its kernels want a power of two'),
  contextFmha: z.boolean().optional().describe('Fused attention over the prompt'),
  pagedContextFmha: z.boolean().optional().describe('What KV cache reuse and chunked context need'),
  fp8ContextFmha: z.boolean().optional().describe('Attention over the prompt in FP8, with FP8 weights only'),
  contextFmhaFp32Accumulation: z.boolean().optional().describe('From v0.12 at run time'),
  customAllReduce: z.boolean().optional().describe('All-reduce over NVLink or PCIe peers; up to v0.11'),
  multiBlockMode: z
    .boolean()
    .optional()
    .describe('Splits long sequences over blocks of the GPU; from v0.12 at run time'),
  fusedMlp: z.boolean().optional().describe('Gate and up projection of the MLP in one'),
  multipleProfiles: z.boolean().optional().describe('Kernels tuned for several batch sizes'),
  reduceFusion: z.boolean().optional().describe('All-reduce together with what follows it; from v0.11'),
  stronglyTyped: z
    .boolean()
    .optional()
    .describe('Types as in the network; FP8 engines are so by themselves, and all from v0.11'),
  gatherContextLogits: z.boolean().optional().describe('Keeps the logits of the prompt'),
  gatherGenerationLogits: z.boolean().optional().describe('Keeps the logits of the answer'),
  lookupPlugin: z.boolean().optional().describe('Embedding lookup as a plugin, in the dtype of the engine'),
};

export const buildLimits = {
  maxBatchSize: count(4096).default(8).describe('Requests at once'),
  maxInputTokens: count(1_000_000)
    .default(1024)
    .describe('Of a prompt; longer ones are refused, from v0.11 on only what is longer than input and output together'),
  maxOutputTokens: count(1_000_000).default(1024).describe('Of an answer'),
  workers: count(64).default(1).describe('Ranks built side by side; changes nothing in the engine, nor in its key'),
};

/** Everything that two kinds of spec have in common. */
export const head = {
  apiVersion: z.literal('enginesmith/v1').describe('Version of this format'),
  name: name.describe('Names the pipeline and what comes of it; 1 to 63 lower-case letters, digits, dashes'),
};

export const quantization = z.strictObject({
  format: z
    .enum(quantizationFormats)
    .describe(
      '`none` converts the checkpoint as it is, `int4_gptq` one whose weights GPTQ has quantized; neither int4_gptq nor w4a8_awq is in reference-cpu',
    ),
  dtype: z.enum(['float16', 'bfloat16']).default('float16').describe('Of what is not quantized'),
  kvCache: z.enum(['none', 'int8', 'fp8']).default('none').describe('Format of the KV cache'),
  gpus: count(64).default(1).describe('GPUs that hold the unquantized model while it is calibrated'),
  awqBlockSize: z
    .int()
    .min(16)
    .max(1024)
    .default(128)
    .describe(
      'Input channels that share a scale; with int4_gptq, as the model has them: 64 or 128, with the CPU reference 16 to 256; it must divide the hidden, attention and intermediate size of each rank',
    ),
  calibration: calibration
    .optional()
    .describe('Required by fp8, int4_awq, int8_sq, w4a8_awq, and by a quantized KV cache'),
});
