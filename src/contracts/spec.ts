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
  repository,
  revision,
  source,
  text,
  toolchain,
} from './spec-fields.js';

export const rougeMetrics = ['rouge1', 'rouge2', 'rougeL', 'rougeLsum'] as const;
export type RougeMetric = (typeof rougeMetrics)[number];

const margin = z
  .strictObject({
    share: z.number().gt(0).lte(0.5).optional().describe("Share of the baseline's mean, 0.1 for 10 %"),
    points: z.number().gt(0).lte(50).optional().describe('ROUGE points, 0 to 100'),
  })
  .refine((value) => (value.share === undefined) !== (value.points === undefined), 'must have either share or points');

/** Texts that both sides answer. `articles` has the columns of cnn_dailymail; `prompts` has `prompt` and `reference`. */
const evaluationDataset = source.extend({
  kind: z
    .enum(['articles', 'prompts'])
    .default('articles')
    .describe(
      'articles: columns of cnn_dailymail, asked by summarize.py; prompts: columns prompt and reference, asked through the chat template by run.py',
    ),
});

const digest = z.string().regex(/^[0-9a-f]{64}$/, 'must be the digest of an artifact: 64 lower-case hex digits');

/** What was made elsewhere, or by another pipeline, and is in the store. */
const start = z
  .strictObject({
    checkpoint: digest.optional().describe('Of a TensorRT-LLM checkpoint: the candidate is built from it'),
    engine: digest.optional().describe('Of an engine that this release built: it is evaluated and served as it is'),
  })
  .refine(
    ({ checkpoint, engine }) => (checkpoint === undefined) !== (engine === undefined),
    'must have either checkpoint or engine',
  );

const baseline = z.strictObject({
  source: z
    .enum(['engine', 'huggingface', 'evaluations'])
    .default('engine')
    .describe('An unquantized engine, the Hugging Face model without an engine, or evaluations that exist'),
  repository: repository
    .optional()
    .describe("Of the unquantized model; int4_gptq has none of its own. @default the candidate's"),
  revision: revision.optional().describe("Of the model. @default the candidate's, or main of another repository"),
  parallelism: parallelism.optional().describe("Of the engine. @default the candidate's"),
  evaluations: z.array(digest).min(1).max(64).optional().describe('Evaluation artifacts, one a shard, in order'),
});

/** Limits beside the margin, each held with the same confidence; what has none is reported and decides nothing. */
const limits = z.strictObject({
  perplexityIncrease: z.number().gt(0).max(10).optional().describe("Share of the baseline's perplexity, 0.1 for 10 %"),
  klDivergence: z.number().gt(0).max(20).optional().describe('Nats a token, teacher-forced against the baseline'),
  top1Agreement: z.number().gt(0).lt(1).optional().describe('Share of tokens whose likeliest successor is the same'),
});

/** What a pipeline may change by itself. Left out, nothing: a failure ends it. */
const onFailure = z.strictObject({
  fewerBuildWorkers: z
    .boolean()
    .optional()
    .describe(
      'HostOutOfMemory in trtllm-build: half the workers, down to 1; the engine and its key stay the same. @default no',
    ),
  smallerCalibrationBatch: z
    .boolean()
    .optional()
    .describe(
      'GpuOutOfMemory in quantize.py: half the calibration.batchSize, down to 1; another checkpoint, by its key',
    ),
  shorterCalibrationSamples: z
    .boolean()
    .optional()
    .describe(
      'GpuOutOfMemory in quantize.py: half the calibration.maxSequenceTokens, down to 128; another checkpoint, by its key. @default no',
    ),
});

/**
 * The spec: what to make and when it may serve. Every default is filled when it is parsed, so that two specs that mean the
 * same have the same digest.
 */
export const specSchema = z.strictObject({
  ...head,
  kind: z.literal('deployment').default('deployment'),
  model: model.describe('What is quantized and served'),
  toolchain,
  gpuClass,
  start: start
    .optional()
    .describe(
      'Where the candidate starts, in place of its model: what `enginesmith artifacts import` took into the store',
    ),
  quantization: quantization.describe('What quantize.py does, or did where the candidate starts later'),
  parallelism: parallelism.prefault({}).describe('Ranks, each on a GPU of its own'),
  build: z
    .strictObject({ ...buildLimits, ...buildOptions })
    .prefault({})
    .describe('What trtllm-build is asked'),
  gate: z
    .strictObject({
      dataset: evaluationDataset.describe('Its test split is read from the start'),
      articles: z
        .int()
        .min(2)
        .max(4096)
        .default(64)
        .describe('The budget: most articles, or prompts, that are looked at'),
      maxInputTokens: count(1_000_000)
        .default(923)
        .describe('Of an article; longer ones are cut; at most build.maxInputTokens'),
      maxOutputTokens: count(100_000).default(100).describe('Of an answer; at most build.maxOutputTokens'),
      metric: z.enum(rougeMetrics).default('rougeLsum').describe('What is compared'),
      margin: margin.describe('What the candidate may lose; either share or points'),
      limits: limits.prefault({}).describe('Held with the same confidence; without one, its number decides nothing'),
      baseline: baseline.prefault({}).describe('What the candidate is compared with'),
      served: z
        .strictObject({
          articles: z
            .int()
            .min(0)
            .max(16)
            .default(8)
            .describe(
              'Of the first shard, which may hold fewer; 0 asks none, nor are articles asked of family qwen on trtllm releases',
            ),
        })
        .prefault({})
        .describe('The gate through Triton, before the candidate takes the name'),
    })
    .describe('When may it serve?'),
  serving: z
    .strictObject({
      host: z
        .string()
        .regex(/^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/, 'must be a host name')
        .optional()
        .describe(
          'Serving host. @default where the name serves already, else the host of the worker that takes the spec in',
        ),
      instances: count(64)
        .default(1)
        .describe(
          'Instances of preprocessing and of the BLS model, which answers one request an instance at a time: NVIDIA advises as many as build.maxBatchSize; one detokenizes, so that streams keep their order',
        ),
      maxQueueDelayMicroseconds: z
        .int()
        .min(0)
        .max(60_000_000)
        .default(600)
        .describe('How long a request waits for company'),
      kvCacheFreeGpuMemoryFraction: z
        .number()
        .gt(0)
        .lt(1)
        .default(0.5)
        .describe('Of the memory that is free once the engine is loaded'),
      accumulateTokens: z.boolean().default(true).describe('BLS streams the text so far, never a split character'),
      kvCacheReuse: z.boolean().default(false).describe('Keeps the KV cache of prompts that begin alike'),
      chunkedContext: z.boolean().default(false).describe('Reads long prompts in pieces between the tokens of others'),
      maxTokensInKvCache: count(100_000_000)
        .optional()
        .describe('Of all requests together; a request that needs more never runs'),
      maxAttentionWindowTokens: count(1_000_000)
        .optional()
        .describe('Tokens that attention looks back. @default the whole sequence that the engine can hold'),
      schedulerPolicy: z
        .enum(['guaranteed_no_evict', 'max_utilization'])
        .optional()
        .describe('Whether a request may be paused for others. @default of the release'),
    })
    .prefault({})
    .describe('Of Triton; changing it makes nothing upstream again'),
  onFailure: onFailure
    .optional()
    .describe(
      'Remedies that a failed step may be tried again with, as often as they change something; none by default',
    ),
  rollout: z
    .strictObject({
      whenBusy: z
        .enum(['wait', 'fail', 'yield'])
        .default('wait')
        .describe(
          'When a step needs GPUs that only the end of something that serves would free. yield: the deployment of this name serves nothing until the pipeline has ended',
        ),
    })
    .optional()
    .describe('Of a host whose GPUs do not hold both what serves and what is made. @default whenBusy: wait'),
  smoke: z
    .strictObject({
      prompt: text(4000).default('The fastest animal on land is').describe('What is asked'),
      maxTokens: count(1024).default(24).describe('At most build.maxOutputTokens'),
      firstTokenWithinSeconds: z.number().gt(0).max(600).default(30).describe('The first token comes by then'),
      finishWithinSeconds: z.number().gt(0).max(3600).default(120).describe('And the last one by then'),
      cancelWithinSeconds: z.number().gt(0).max(60).default(1).describe('A cancelled stream stops generating by then'),
      concurrentStreams: count(64).default(4).describe('At once, each with its own right text'),
      unicodePrompt: text(4000)
        .default('你是一个知识助手，请简要回答问题。陆地上最快的动物是什么?')
        .describe('Its answer is made of characters of several bytes, which no stream may split'),
    })
    .prefault({})
    .describe('The contract that a candidate keeps on its private ports before it takes the name'),
});

/** A spec as people write it: defaults may be left out. */
export type SpecInput = z.input<typeof specSchema>;

/** A spec with every default filled. */
export type Spec = z.output<typeof specSchema>;
