import * as z from 'zod';
import { count, directory, gpuClass, head, model, parallelism, toolchain } from './spec-fields.js';

const label = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/, 'must be 1 to 32 lower-case letters, digits and dashes');

const lengths = z.strictObject({
  mean: count(1_000_000),
  standardDeviation: z.int().min(0).max(1_000_000).default(0).describe('0 makes every request exactly as long'),
});

/** Requests that prepare_dataset.py makes of random tokens. */
const workload = z.strictObject({
  name: label,
  requests: count(1_000_000),
  inputTokens: lengths,
  outputTokens: lengths,
});

const run = z.strictObject({
  name: label,
  workload: label.describe('One of workloads, by its name'),
  batching: z
    .enum(['inflight', 'v1', 'static'])
    .describe(
      'inflight joins and leaves a running batch, v1 does not, static emulates batches that start and end together',
    ),
  requestsPerSecond: z.number().gt(0).max(1_000_000).optional().describe('@default all at once'),
  samples: count(1_000_000).optional().describe('@default the whole workload'),
  staticBatchSize: count(4096).optional().describe('Required by static'),
  staticTimeoutMilliseconds: count(3_600_000).optional().describe('How long a static batch waits to fill'),
  streaming: z.boolean().default(false).describe('Also measures the time to the first token and between tokens'),
});

/** How fast an engine is: gptManagerBenchmark over workloads, on GPUs whose clocks are locked meanwhile. */
export const benchmarkSpecSchema = z.strictObject({
  ...head,
  kind: z.literal('benchmark'),
  model: model.describe('Whose tokenizer makes the requests'),
  toolchain,
  gpuClass,
  engine: z.strictObject({
    directory: directory.describe('Of an engine that this release built: config.json and one rank*.engine a rank'),
    parallelism: parallelism.prefault({}).describe('Of the engine'),
  }),
  workloads: z.array(workload).min(1).max(64),
  runs: z.array(run).min(1).max(64),
  lockClocks: z.boolean().default(true).describe('To the highest that the GPU has; always reset afterwards'),
});

export type BenchmarkSpec = z.output<typeof benchmarkSpecSchema>;
