import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { AGREEMENT_FILE, agreementSchema } from '../../src/contracts/evaluation.js';
import { specSchema } from '../../src/contracts/spec.js';
import { storeLayout } from '../../src/platform/store/layout.js';
import { askOnce } from '../support/asking-client.js';
import { processesNaming } from '../support/processes.js';
import { createProduct, lastJsonLine, type Product } from '../support/product.js';

const outcome = z.object({
  verdict: z.string(),
  reason: z.string(),
  steps: z.array(z.object({ name: z.string(), digest: z.string() })),
  deployment: z.object({ grpcUrl: z.string() }).nullable(),
});

let product: Product;
let exitCode: number | undefined;
let made: z.infer<typeof outcome>;

/** The example, over a few short texts: what counts here is how its programs are run. */
async function writeSpec(): Promise<string> {
  const spec = specSchema.parse(parse(await readFile('examples/smollm2-135m-fp8-tp3.yaml', 'utf8')));
  Object.assign(spec.quantization.calibration ?? {}, { samples: 2, maxSequenceTokens: 64 });
  Object.assign(spec.build, { maxInputTokens: 512, maxOutputTokens: 32, maxBatchSize: 2 });
  Object.assign(spec.gate, { articles: 4, maxInputTokens: 512, maxOutputTokens: 12, margin: { points: 30 } });
  spec.gate.served.articles = 2;
  // Ranks that are more than cores take turns.
  Object.assign(spec.smoke, { concurrentStreams: 2, cancelWithinSeconds: 10 });
  const file = join(product.home, 'spec.yaml');
  await writeFile(file, stringify(spec));
  return file;
}

beforeAll(async () => {
  product = await createProduct();
  const result = await product.run(['demo', await writeSpec(), '--keep', '--json']);
  exitCode = result.exitCode;
  made = lastJsonLine(result.stdout, outcome);
}, 550_000);

afterAll(() => product.dispose(), 120_000);

const digestOf = (step: string): string => made.steps.find(({ name }) => name === step)?.digest ?? '';
const fileOf = (step: string, name: string): string =>
  join(storeLayout(join(product.home, 'store')).artifact(digestOf(step)), 'files', name);

const record = z.object({ argv: z.array(z.array(z.string())) });

/** The beginning of the one command line that made a step's artifact. */
async function programOf(step: string): Promise<string> {
  const records = join(product.home, 'store/records', digestOf(step));
  const [attempt = ''] = await readdir(records);
  const { argv } = record.parse(JSON.parse(await readFile(join(records, attempt, 'record.json'), 'utf8')));
  return argv[0]?.slice(0, 3).join(' ') ?? '';
}

const deploymentDirectory = (): string =>
  join(product.home, 'hosts/test-host/deployments/smollm2-135m-fp8-tp3/1/repository');

test('an FP8 model on three ranks passes the gate against its baseline on one, and is deployed', () => {
  expect(exitCode, made.reason).toBe(0);
  expect(made.verdict).toBe('DEPLOYED');
});

test('has an engine a rank', async () => {
  const files = await readdir(fileOf('engine', '.'));
  expect(files.sort()).toEqual(['config.json', 'rank0.engine', 'rank1.engine', 'rank2.engine']);
  expect(await readdir(fileOf('baseline-engine', '.'))).not.toContain('rank1.engine');
});

test('ran its programs with as many ranks as the engines have that they load', async () => {
  expect(await programOf('evaluation-1')).toBe('mpirun -n 3');
  expect(await programOf('baseline-evaluation-1')).toBe('mpirun -n 1');
  expect(await programOf('agreement-1')).toBe('mpirun -n 3');
});

test('expects what its baseline does: the ranks add up to one model', async () => {
  const { articles } = agreementSchema.parse(JSON.parse(await readFile(fileOf('agreement-1', AGREEMENT_FILE), 'utf8')));
  expect(articles).toHaveLength(4);
  for (const { klDivergence, top1Agreement } of articles) {
    expect(klDivergence).toBeLessThan(0.2);
    expect(top1Agreement).toBeGreaterThan(0.6);
  }
});

test('serves from three servers, and none is left when it is stopped', async () => {
  expect(await askOnce(made.deployment?.grpcUrl ?? '', 'The capital of France is', 8)).toContain('Paris');
  const servers = processesNaming(deploymentDirectory()).filter(({ command }) => /^\S+tritonserver /.test(command));
  expect(servers).toHaveLength(3);
  expect((await product.run(['stop', 'smollm2-135m-fp8-tp3'])).exitCode).toBe(0);
  expect(processesNaming(deploymentDirectory())).toEqual([]);
});
