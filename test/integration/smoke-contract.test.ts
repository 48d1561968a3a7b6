import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type SmokeClause, type SmokeReport, smokeClauses } from '../../src/contracts/smoke.js';
import { specSchema } from '../../src/contracts/spec.js';
import { runSmokeContract } from '../../src/platform/smoke/contract.js';
import { createTritonClient } from '../../src/platform/triton/client.js';
import { ensembleModels } from '../../src/toolchains/serving-templates.js';
import { prepareTinyTriton, type RunningTriton, type TinyTriton, tinyLimits } from '../support/tiny-triton.js';
import { until } from '../support/until.js';

let tiny: TinyTriton;
let server: RunningTriton | undefined;

beforeAll(async () => {
  tiny = await prepareTinyTriton();
});
afterEach(async () => {
  await server?.stop();
  server = undefined;
});
afterAll(() => tiny?.remove());

const smoke = specSchema.shape.smoke.parse({
  firstTokenWithinSeconds: 30,
  finishWithinSeconds: 60,
  cancelWithinSeconds: 2,
});

/** Starts a server for the repository and holds it to the contract. */
async function contractOf(
  repository: string,
  { options = [], readyDeadlineMs = 60_000 }: { options?: readonly string[]; readyDeadlineMs?: number } = {},
): Promise<SmokeReport> {
  const started = await tiny.start(repository, options);
  server = started;
  const client = createTritonClient({ url: started.grpcUrl });
  try {
    // How long it takes to listen is this machine's affair; the deadline is for what is never loaded.
    await until('a server that answers', async () => (await client.serverReady()) || undefined);
    return await runSmokeContract({
      client,
      metricsUrl: started.metricsUrl,
      models: ensembleModels,
      smoke,
      limits: tinyLimits,
      blsHeedsCancellation: true,
      readyDeadlineMs,
      stillAlive: started.stillAlive,
      requestId: 'smoke',
    });
  } finally {
    client.close();
  }
}

const broken = (clause: SmokeClause, message: RegExp) =>
  expect.objectContaining({
    type: 'SmokeTestFailed',
    context: expect.objectContaining({ clause }),
    message: expect.stringMatching(message),
  });

test('a real Triton keeps every clause, and its cancelled streams are seen to stop', async () => {
  const report = await contractOf(await tiny.copyRepository('good'));
  expect(report.clauses?.map(({ name }) => name)).toEqual(smokeClauses);
  const [, , characters, , , , , cancelled] = report.clauses ?? [];
  expect(characters?.seen).toContain('猎豹你');
  expect(cancelled?.seen).toMatch(/tensorrt_llm_bls stopped \d+ ms after it was cancelled, seen by nv_trt_llm/);
  expect(cancelled?.seen).toMatch(/ensemble stopped \d+ ms after a stop/);
});

test('a Triton that loads nothing but tensorrt_llm answers ready, and is found out', async () => {
  const options = ['--model-control-mode=explicit', '--load-model=tensorrt_llm'];
  const contract = contractOf(await tiny.copyRepository('lonely'), { options, readyDeadlineMs: 5_000 });
  await expect(contract).rejects.toThrow(broken('models-ready', /ensemble missing/));
});

test('a model that knows neither cancellation nor stop is found out', async () => {
  const repository = await tiny.copyRepository('deaf');
  const model = `from trtllm_cpu.triton.generation_loop import GenerationLoop
from trtllm_cpu.triton.token_responses import TokenResponses

GenerationLoop.stop = lambda self, request_id: None
TokenResponses.is_cancelled = lambda self: False
`;
  await changeModel(repository, 'tensorrt_llm', model);
  await expect(contractOf(repository)).rejects.toThrow(
    broken('cancelled-stream-stops', /tensorrt_llm_bls .* still generates 2000 ms after its stream was cancelled/),
  );
});

test('a postprocessing that swallows what is split between tokens is found out', async () => {
  const repository = await tiny.copyRepository('swallowing');
  const model = `from trtllm_cpu.tokenizer import ModelTokenizer

decode = ModelTokenizer.decode
ModelTokenizer.decode = lambda self, *arguments: decode(self, *arguments).replace("\\N{REPLACEMENT CHARACTER}", "")
`;
  await changeModel(repository, 'postprocessing', model);
  await expect(contractOf(repository)).rejects.toThrow(broken('same-text-unstreamed', /ensemble .* but answers/));
});

/** Puts a patch of the library before what a model of the repository is. */
async function changeModel(repository: string, model: string, patch: string): Promise<void> {
  const file = join(repository, model, '1', 'model.py');
  const original = await readFile(file, 'utf8');
  await writeFile(file, `${patch}\n${original}`);
}
