import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { execa } from 'execa';
import { findFreePorts } from '../src/platform/free-ports.js';
import { createTritonClient, type TritonClient } from '../src/platform/triton/client.js';
import { waitUntilReady } from '../src/platform/triton/wait-until-ready.js';
import { processesNaming } from '../test/support/processes.js';
import { buildSmallEngine, median, type SmallEngine, spread } from './small-model.js';

/*
 * What in-flight batching gains: tokens a second of eight concurrent streams against one, through the ensemble of a real
 * tritonserver over gRPC, and without it (gptManagerBenchmark on the same engine). Both in turns in one run; prompts are
 * part of the time. Medians of the rounds, and between what they lie.
 *
 *   npx tsx bench/inflight-batching.ts [--qformat int4_wo] [--tokens 128] [--rounds 5]
 *
 * After `npm run setup`.
 */
const { values } = parseArgs({
  options: {
    qformat: { type: 'string', default: 'int4_wo' },
    tokens: { type: 'string', default: '128' },
    rounds: { type: 'string', default: '5' },
  },
});
const tokens = Number(values.tokens);
const streams = 8;
const prompt = 'Tell me, in a few sentences, what a lighthouse is for.';

/** Fills the templates and starts Triton as a rollout does. Returns its gRPC address and what stops it. */
async function startTriton(small: SmallEngine, scratch: string): Promise<{ url: string; stop: () => Promise<void> }> {
  const repository = join(scratch, 'repository');
  await cp(join(small.root, 'opt/ensemble_models/llama_ifb'), repository, { recursive: true });
  const batch = `triton_max_batch_size:${streams}`;
  const substitutions = {
    preprocessing: `tokenizer_dir:${small.model},${batch},preprocessing_instance_count:1`,
    postprocessing: `tokenizer_dir:${small.model},${batch},postprocessing_instance_count:1`,
    tensorrt_llm_bls: `${batch},decoupled_mode:True,bls_instance_count:1,accumulate_tokens:False,tensorrt_llm_model_name:tensorrt_llm`,
    ensemble: batch,
    tensorrt_llm:
      `triton_backend:python,${batch},decoupled_mode:True,max_beam_width:1,engine_dir:${small.engine},` +
      'batching_strategy:inflight_fused_batching,max_queue_delay_microseconds:0',
  };
  for (const [model, filled] of Object.entries(substitutions)) {
    await small.run('opt/scripts/fill_template.py', ['-i', join(repository, model, 'config.pbtxt'), filled]);
  }
  const [grpc, http, metrics] = await findFreePorts(3);
  await execa(
    'python3',
    [
      join(small.root, 'opt/scripts/launch_triton_server.py'),
      ...['--force', `--model_repo=${repository}`],
      ...[`--grpc_port=${grpc}`, `--http_port=${http}`, `--metrics_port=${metrics}`],
    ],
    { env: small.environment, extendEnv: false, stdio: 'ignore', detached: true },
  );
  const stop = async () => {
    for (let left = processesNaming(scratch); left.length > 0; left = processesNaming(scratch)) {
      for (const { pid } of left) {
        try {
          process.kill(pid, 'SIGKILL');
        } catch {
          // has ended meanwhile
        }
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  return { url: `127.0.0.1:${grpc}`, stop };
}

/** Tokens a second of so many streams that begin together, until the last one has ended. */
async function streamsThroughTriton(client: TritonClient, count: number): Promise<number> {
  const startedAt = performance.now();
  const received = await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      let responses = 0;
      const request = {
        ...{ model: 'ensemble', text: prompt, maxTokens: tokens, minTokens: tokens, stream: true },
        requestId: `stream-${index}`,
      };
      for await (const { text } of client.streamGenerate(request, { deadlineMs: 300_000 })) {
        if (text !== undefined) responses += 1;
      }
      return responses;
    }),
  );
  const total = received.reduce((sum, responses) => sum + responses, 0);
  if (total !== count * tokens) throw new Error(`expected ${count * tokens} responses, one a token, got ${total}`);
  return (total / (performance.now() - startedAt)) * 1000;
}

/** The same without Triton: the engine's batcher alone, in a process of its own. */
async function streamsThroughBatcher(small: SmallEngine, scratch: string, count: number): Promise<number> {
  const workload = join(scratch, 'workload.json');
  const sample = { input_ids: Array.from({ length: 16 }, (_, index) => 1000 + index), output_len: tokens };
  await writeFile(workload, JSON.stringify({ samples: Array.from({ length: count }, () => sample) }));
  const printed = await small.run('opt/tensorrt_llm/cpp/build/benchmarks/gptManagerBenchmark', [
    ...['--engine_dir', small.engine, '--dataset', workload, '--warm_up', '1', '--streaming'],
  ]);
  return Number(/^\[BENCHMARK\] token_throughput\(token\/sec\) (.*)$/m.exec(printed)?.[1]);
}

const scratch = await mkdtemp(join(tmpdir(), 'enginesmith-bench-'));
let stop = async () => {};
try {
  const small = await buildSmallEngine(scratch, {
    quantize: ['--qformat', values.qformat],
    build: ['--max_batch_size', `${streams}`, '--max_input_len', '256', '--max_output_len', '256'],
  });
  const triton = await startTriton(small, scratch);
  stop = triton.stop;
  const client = createTritonClient({ url: triton.url });
  const stillAlive = () => processesNaming(scratch).length > 0;
  await waitUntilReady(client, { models: ['ensemble'], deadlineMs: 120_000, stillAlive });
  const measured: Record<string, [number[], number[]]> = {};
  const ways = {
    'through Triton': (count: number) => streamsThroughTriton(client, count),
    'the batcher alone': (count: number) => streamsThroughBatcher(small, scratch, count),
  };
  await streamsThroughTriton(client, streams);
  for (let round = 0; round < Number(values.rounds); round += 1) {
    for (const [way, run] of Object.entries(ways)) {
      measured[way] ??= [[], []];
      const [one, eight] = measured[way];
      one.push(await run(1));
      eight.push(await run(streams));
    }
  }
  client.close();
  const table = new Table({
    head: ['tokens/s', 'one stream', `${streams} streams`, 'ratio'],
    style: { head: [], border: [] },
  });
  for (const [way, [one, eight]] of Object.entries(measured)) {
    const ratios = eight.map((value, round) => value / (one[round] ?? Number.NaN));
    table.push([way, spread(one), spread(eight), spread(ratios, 2)]);
  }
  process.stdout.write(`${values.qformat}, ${tokens} tokens a stream\n${table.toString()}\n`);
  const ratio = median(
    (measured['through Triton']?.[1] ?? []).map(
      (value, round) => value / (measured['through Triton']?.[0][round] ?? Number.NaN),
    ),
  );
  process.stdout.write(`${streams} streams through Triton: ${ratio.toFixed(2)} times the tokens of one\n`);
} finally {
  await stop();
  await rm(scratch, { recursive: true, force: true });
}
