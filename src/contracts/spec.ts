import { z } from 'zod';

/**
 * A text that becomes part of a command line. A value that starts with `--` would be read as a flag by the tool that gets
 * it, and control characters would break logs, so neither passes.
 */
const text = (maximumLength: number) =>
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

const repository = z
  .string()
  .max(160)
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]*\/[A-Za-z0-9][A-Za-z0-9._-]*$/,
    'must be a Hub repository "owner/name", as in "meta-llama/Llama-2-13b-chat-hf"',
  )
  .refine((value) => !value.includes('..'), 'must not contain ".."');

const revision = z
  .string()
  .max(200)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._/-]*$/, 'must be a branch, tag or commit of the repository, as in "main"')
  .refine((value) => !value.includes('..'), 'must not contain ".."');

const source = z.strictObject({ repository, revision: revision.default('main') });

const count = (maximum: number) => z.int().min(1).max(maximum);

/** Formats of quantize.py v0.10, and `none`, which converts the checkpoint as it is. */
const quantizationFormats = ['none', 'fp8', 'int4_awq', 'int4_wo', 'int8_sq', 'int8_wo', 'w4a8_awq'] as const;

export const rougeMetrics = ['rouge1', 'rouge2', 'rougeL', 'rougeLsum'] as const;
export type RougeMetric = (typeof rougeMetrics)[number];

const calibration = z.strictObject({
  dataset: source.describe('A dataset with the columns of cnn_dailymail; its train split is read from the start'),
  samples: count(4096).default(512),
  maxSequenceTokens: count(8192).default(512),
});

const parallelism = z.strictObject({ tensor: count(64).default(1), pipeline: count(64).default(1) });

const margin = z
  .strictObject({
    share: z.number().gt(0).lte(0.5).optional().describe("Share of the baseline's mean, 0.1 for 10 %"),
    points: z.number().gt(0).lte(50).optional().describe('ROUGE points, 0 to 100'),
  })
  .refine((value) => (value.share === undefined) !== (value.points === undefined), 'must have either share or points');

/** Texts that both sides answer. `articles` has the columns of cnn_dailymail; `prompts` has `prompt` and `reference`. */
const evaluationDataset = source.extend({ kind: z.enum(['articles', 'prompts']).default('articles') });

const digest = z.string().regex(/^[0-9a-f]{64}$/, 'must be the digest of an artifact: 64 lower-case hex digits');

const baseline = z.strictObject({
  source: z
    .enum(['engine', 'huggingface', 'evaluations'])
    .default('engine')
    .describe('An unquantized engine, the Hugging Face model without an engine, or evaluations that exist'),
  revision: revision.optional().describe("Of the model. @default the candidate's"),
  parallelism: parallelism.optional().describe("Of the engine. @default the candidate's"),
  evaluations: z.array(digest).min(1).max(64).optional().describe('Evaluation artifacts, one a shard, in order'),
});

/** Limits beside the margin, each held with the same confidence; what has none is reported and decides nothing. */
const limits = z.strictObject({
  perplexityIncrease: z.number().gt(0).max(10).optional().describe("Share of the baseline's perplexity, 0.1 for 10 %"),
  klDivergence: z.number().gt(0).max(20).optional().describe('Nats a token, teacher-forced against the baseline'),
  top1Agreement: z.number().gt(0).lt(1).optional().describe('Share of tokens whose likeliest successor is the same'),
});

/**
 * The spec: what to make and when it may serve. Every default is filled when it is parsed, so that two specs that mean the
 * same have the same digest.
 */
export const specSchema = z.strictObject({
  apiVersion: z.literal('enginesmith/v1'),
  name: name.describe('Names the pipeline and the deployment that it promotes to'),
  model: source,
  toolchain: z
    .strictObject({
      name: z.string().max(60).default('reference-cpu'),
      release: z.string().max(20).default('v0.10.0'),
    })
    .prefault({}),
  gpuClass: z
    .string()
    .regex(/^[a-z0-9]{1,20}$/, 'must be a GPU class as in "sm89", "sm90" or "cpu"')
    .default('cpu'),
  quantization: z.strictObject({
    format: z.enum(quantizationFormats),
    dtype: z.enum(['float16', 'bfloat16']).default('float16'),
    kvCache: z.enum(['none', 'int8', 'fp8']).default('none'),
    gpus: count(64).default(1).describe('GPUs that hold the unquantized model while it is calibrated'),
    awqBlockSize: z.int().min(16).max(1024).default(128),
    calibration: calibration.optional().describe('Required by formats that calibrate'),
  }),
  parallelism: parallelism.prefault({}),
  build: z
    .strictObject({
      maxBatchSize: count(4096).default(8),
      maxInputTokens: count(1_000_000).default(1024),
      maxOutputTokens: count(1_000_000).default(1024),
      workers: count(64).default(1).describe('Parallel builders; changes nothing in the engine'),
    })
    .prefault({}),
  gate: z.strictObject({
    dataset: evaluationDataset.describe('Its test split is read from the start'),
    articles: z
      .int()
      .min(2)
      .max(4096)
      .default(64)
      .describe('The budget: most articles, or prompts, that are looked at'),
    maxInputTokens: count(1_000_000).default(923),
    maxOutputTokens: count(100_000).default(100),
    metric: z.enum(rougeMetrics).default('rougeLsum'),
    margin,
    limits: limits.prefault({}),
    baseline: baseline.prefault({}).describe('What the candidate is compared with'),
    served: z
      .strictObject({
        articles: z.int().min(0).max(16).default(8).describe('Of the first shard, which may hold fewer; 0 asks none'),
      })
      .prefault({})
      .describe('The gate through Triton, before the candidate takes the name'),
  }),
  serving: z
    .strictObject({
      host: z
        .string()
        .regex(/^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/, 'must be a host name')
        .optional()
        .describe('Serving host. @default the one that the admitting worker names'),
      instances: count(64).default(1).describe('Instances of pre- and postprocessing and of the BLS model'),
      maxQueueDelayMicroseconds: z.int().min(0).max(60_000_000).default(600),
      kvCacheFreeGpuMemoryFraction: z.number().gt(0).lt(1).default(0.5),
      accumulateTokens: z.boolean().default(true).describe('BLS streams the text so far, never a split character'),
    })
    .prefault({}),
  smoke: z
    .strictObject({
      prompt: text(4000).default('The fastest animal on land is'),
      maxTokens: count(1024).default(24),
      firstTokenWithinSeconds: z.number().gt(0).max(600).default(30),
      finishWithinSeconds: z.number().gt(0).max(3600).default(120),
      cancelWithinSeconds: z.number().gt(0).max(60).default(1).describe('A cancelled stream stops generating by then'),
      concurrentStreams: count(64).default(4),
      unicodePrompt: text(4000)
        .default('你是一个知识助手，请简要回答问题。陆地上最快的动物是什么?')
        .describe('Its answer is made of characters of several bytes, which no stream may split'),
    })
    .prefault({}),
});

/** A spec as people write it: defaults may be left out. */
export type SpecInput = z.input<typeof specSchema>;

/** A spec with every default filled. */
export type Spec = z.output<typeof specSchema>;
