import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { specSchema } from '../../src/contracts/spec.js';
import { generateKeyFiles } from '../../src/platform/provenance/keys.js';
import { createProduct, lastJsonLine, type Product } from '../support/product.js';

const outcome = z.object({
  verdict: z.string(),
  reason: z.string(),
  steps: z.array(z.object({ name: z.string(), digest: z.string() })),
});

const provenance = z.object({
  verified: z.boolean(),
  artifacts: z.array(z.object({ digest: z.string(), statements: z.array(z.object({ statement: z.looseObject({}) })) })),
});

let keys: string;
let publicFile: string;
let product: Product;
let made: z.infer<typeof outcome>;

/** The example over a few short texts, served in a way of its own. */
async function writeSpec(maxQueueDelayMicroseconds: number): Promise<string> {
  const spec = specSchema.parse(parse(await readFile('examples/smollm2-135m-fp8.yaml', 'utf8')));
  Object.assign(spec.quantization.calibration ?? {}, { samples: 2, maxSequenceTokens: 64 });
  Object.assign(spec.gate, { articles: 4, maxInputTokens: 512, maxOutputTokens: 12, margin: { points: 30 } });
  spec.gate.served.articles = 0;
  // How well it serves on busy cores is another test's question.
  Object.assign(spec.smoke, { cancelWithinSeconds: 60, concurrentStreams: 1 });
  spec.serving.maxQueueDelayMicroseconds = maxQueueDelayMicroseconds;
  const file = join(keys, `${maxQueueDelayMicroseconds}.yaml`);
  await writeFile(file, stringify(spec));
  return file;
}

const digestOf = (step: string): string => made.steps.find(({ name }) => name === step)?.digest ?? '';

beforeAll(async () => {
  keys = await mkdtemp(join(tmpdir(), 'enginesmith-keys-'));
  ({ publicFile } = await generateKeyFiles(join(keys, 'signing.pem')));
  product = await createProduct({
    ENGINESMITH_SIGNING_KEY: join(keys, 'signing.pem'),
    ENGINESMITH_TRUSTED_KEYS: publicFile,
    ENGINESMITH_REQUIRE_PROVENANCE: '1',
  });
  const { exitCode, stdout, stderr } = await product.run(['demo', await writeSpec(100), '--keep', '--json']);
  expect(exitCode, `${stdout}${stderr}`).toBe(0);
  made = lastJsonLine(stdout, outcome);
}, 550_000);

afterAll(async () => {
  await product.dispose();
  await rm(keys, { recursive: true, force: true });
});

test('a pipeline whose workers sign deploys where workers ask for provenance, and its engine is traced to the commit', async () => {
  expect(made.verdict).toBe('DEPLOYED');
  const { exitCode, stdout, stderr } = await product.run([
    ...['artifacts', 'provenance', digestOf('engine'), '--verify', '--trusted-key', publicFile, '--json'],
  ]);
  expect(exitCode, `${stdout}${stderr}`).toBe(0);
  const { verified, artifacts } = lastJsonLine(stdout, provenance);
  expect(verified).toBe(true);
  const digests = ['engine', 'checkpoint', 'model', 'dataset'].map(digestOf);
  expect(artifacts.map(({ digest }) => digest)).toEqual(digests);
  const [engine, , model] = artifacts;
  expect(engine?.statements.map(({ statement }) => statement.predicateType).sort()).toEqual([
    'https://in-toto.io/attestation/test-result/v0.1',
    'https://slsa.dev/provenance/v1',
  ]);
  expect(JSON.stringify(engine)).toContain('trtllm-build');
  expect(JSON.stringify(engine)).toContain('"result":"PASSED"');
  expect(JSON.stringify(model)).toMatch(/git\+http:[^"]*\/HuggingFaceTB\/SmolLM2-135M-Instruct@[0-9a-f]{40}"/);
});

test('an engine that is not traced to its model is not promoted', async () => {
  const checkpoint = digestOf('checkpoint');
  await rm(join(product.home, 'store/attestations', checkpoint.slice(0, 2), checkpoint), { recursive: true });
  const { exitCode, stdout, stderr } = await product.run(['demo', await writeSpec(900), '--keep', '--json']);
  expect(exitCode).toBe(4);
  expect(`${stdout} ${stderr}`).toContain(`The provenance of artifact ${checkpoint.slice(0, 12)} is not trusted`);
  const deployments = await product.run(['deployments', 'smollm2-135m-fp8', '--json']);
  expect(JSON.parse(deployments.stdout)).toMatchObject({ status: 'serving', currentNumber: 1 });
}, 300_000);
