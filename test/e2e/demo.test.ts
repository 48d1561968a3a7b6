import { cp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { specSchema } from '../../src/contracts/spec.js';
import { processesNaming } from '../support/processes.js';
import { createProduct, installation, lastJsonLine, type Product, toolchainPython } from '../support/product.js';

const scores = z.record(z.string(), z.number());
const outcome = z.object({
  workflowId: z.string(),
  verdict: z.enum(['DEPLOYED', 'REJECTED', 'INCONCLUSIVE', 'FAILED', 'CANCELLED']),
  reason: z.string(),
  steps: z.array(
    z.object({
      name: z.string(),
      status: z.enum(['ran', 'reused']),
      key: z.string(),
      digest: z.string(),
      durationMs: z.number(),
    }),
  ),
  scores: z.object({ baseline: scores, candidate: scores }),
  gate: z.object({ verdict: z.string(), look: z.number(), page: z.string().nullable() }).loose(),
  deployment: z.object({ name: z.string(), revision: z.number(), grpcUrl: z.string(), httpUrl: z.string() }).nullable(),
});
type Outcome = z.infer<typeof outcome>;

const plan = z.object({
  steps: z.array(
    z.object({
      name: z.string(),
      action: z.enum(['run', 'reuse', 'maybe']),
      key: z.string().nullable(),
      commands: z.array(z.object({ argv: z.array(z.string()) })),
    }),
  ),
});

let product: Product;
let demo: Outcome;

/** The example as a spec that differs in what the caller says. */
async function variant(change: (spec: z.output<typeof specSchema>) => void): Promise<string> {
  const spec = specSchema.parse(parse(await readFile('examples/smollm2-135m-fp8.yaml', 'utf8')));
  change(spec);
  const file = join(product.home, `${spec.name}.yaml`);
  await writeFile(file, stringify(spec));
  return file;
}

const runSpec = async (file: string): Promise<{ exitCode: number | undefined; result: Outcome }> => {
  const { exitCode, stdout, stderr } = await product.run(['demo', file, '--json']);
  expect(stdout, stderr).not.toBe('');
  return { exitCode, result: lastJsonLine(stdout, outcome) };
};

beforeAll(async () => {
  product = await createProduct();
  const { exitCode, stdout, stderr } = await product.run(['demo', '--keep', '--json']);
  expect(exitCode, stderr).toBe(0);
  demo = lastJsonLine(stdout, outcome);
}, 600_000);

afterAll(() => product.dispose(), 120_000);

describe('a kept demo', () => {
  test('has run every step and serves the candidate that passed', () => {
    expect(demo.verdict).toBe('DEPLOYED');
    expect(demo.steps.map(({ name, status }) => `${name} ${status}`).sort()).toEqual([
      'agreement-1 ran',
      'baseline-checkpoint ran',
      'baseline-engine ran',
      'baseline-evaluation-1 ran',
      'checkpoint ran',
      'dataset ran',
      'engine ran',
      'evaluation-1 ran',
      'gate-1 ran',
      'model ran',
      'serving-parameters ran',
      'shard-1 ran',
      'shard-2 ran',
      'shard-3 ran',
    ]);
    expect(demo.scores.baseline.rougeLsum).toBeGreaterThan(25);
    expect(demo.deployment).toMatchObject({ name: 'smollm2-135m-fp8', revision: 1 });
  });

  test('shows its evidence as a page, at the address that the Web UI links', async () => {
    const page = await fetch(demo.gate.page ?? '');
    expect(page.status).toBe(200);
    expect(await page.text()).toContain('PASS');
  });

  test.each([
    ['ensemble', 'stream'],
    ['ensemble', 'whole'],
    ['tensorrt_llm_bls', 'stream'],
    ['tensorrt_llm_bls', 'whole'],
  ])('answers a client of upstream through %s, %s', async (model, mode) => {
    const { stdout } = await execa(
      toolchainPython,
      ['test/support/upstream_client.py', demo.deployment?.grpcUrl ?? '', model, mode],
      { timeout: 60_000 },
    );
    const texts = z.array(z.string()).parse(JSON.parse(stdout));
    expect(texts.length).toBeGreaterThan(0);
    if (mode === 'stream') expect(texts.length).toBeGreaterThan(4);
    else expect(texts).toHaveLength(1);
    expect(texts.join('')).toContain('Paris');
  });

  test('streams over HTTP generate_stream', async () => {
    const response = await fetch(`${demo.deployment?.httpUrl}/v2/models/ensemble/generate_stream`, {
      method: 'POST',
      body: JSON.stringify({
        text_input: 'The capital of France is',
        max_tokens: 8,
        bad_words: '',
        stop_words: '',
        stream: true,
      }),
    });
    const events = (await response.text()).split('\n').filter((line) => line.startsWith('data: '));
    expect(response.status).toBe(200);
    expect(events.length).toBeGreaterThan(3);
  });

  test('tells what its tools printed, under the name of the workflow and of its run', async () => {
    const [runId = ''] = await readdir(join(product.home, 'store/logs'));
    const texts: string[] = [];
    for (const id of [demo.workflowId, runId]) {
      const followed = await product.run(['logs', id, '--step', 'engine', '-f']);
      expect(followed.exitCode, followed.stderr).toBe(0);
      texts.push(followed.stdout);
    }
    expect(texts[0]).toContain('Total time of building all engines');
    expect(texts[1]).toBe(texts[0]);
  });

  test('was made by the command lines that the plan shows', async () => {
    const { stdout } = await product.run(['plan', 'examples/smollm2-135m-fp8.yaml', '--resolve', '--json']);
    const { steps } = lastJsonLine(stdout, plan);
    const digests = new Map(demo.steps.map(({ name, digest }) => [name, digest]));
    const withCommands = steps.filter(({ name, commands }) => commands.length > 0 && digests.has(name));
    expect(withCommands).toHaveLength(7);
    for (const { name, commands } of withCommands) {
      const digest = digests.get(name) ?? '';
      const records = join(product.home, 'store/records', digest);
      const made: string[][][] = [];
      for (const attempt of await readdir(records)) {
        const record = JSON.parse(await readFile(join(records, attempt, 'record.json'), 'utf8'));
        made.push(z.array(z.array(z.string())).parse(record.argv));
      }
      expect(
        made.map((argv) =>
          sameButForPlaceholders(
            commands.map((command) => command.argv),
            argv,
          ),
        ),
        name,
      ).toContain(true);
    }
    const record = JSON.parse(
      await readFile(join(product.home, 'hosts/test-host/deployments/smollm2-135m-fp8/1/record.json'), 'utf8'),
    );
    const promote = steps.find(({ name }) => name === 'promote');
    expect(sameButForPlaceholders(promote?.commands.map(({ argv }) => argv) ?? [], record.argv)).toBe(true);
  });

  test('is reused whole by a plan of the same spec', async () => {
    const { stdout } = await product.run(['plan', 'examples/smollm2-135m-fp8.yaml', '--resolve', '--json']);
    const { steps } = lastJsonLine(stdout, plan);
    expect(steps.filter(({ name }) => name !== 'promote').map(({ action }) => action)).not.toContain('run');
  });

  test('shares everything upstream with a spec that differs only in serving', async () => {
    const file = await variant((spec) => {
      spec.serving.maxQueueDelayMicroseconds = 900;
    });
    const { exitCode, result } = await runSpec(file);
    expect(exitCode).toBe(0);
    expect(result.steps.filter(({ status }) => status === 'ran').map(({ name }) => name)).toEqual([
      'serving-parameters',
    ]);
    expect(result.deployment).toMatchObject({ name: 'smollm2-135m-fp8', revision: 2 });
    expect(result.scores).toEqual(demo.scores);
  });

  test('may start from an engine that was taken in from elsewhere, and is gated all the same', async () => {
    const built = demo.steps.find(({ name }) => name === 'engine')?.digest ?? '';
    const elsewhere = join(product.home, 'elsewhere');
    await cp(join(product.home, 'store/artifacts', built.slice(0, 2), built, 'files'), elsewhere, { recursive: true });
    const imported = await product.run(['artifacts', 'import', 'engine', elsewhere, '--json']);
    expect(imported.exitCode, imported.stderr).toBe(0);
    const { digest } = lastJsonLine(imported.stdout, z.object({ digest: z.string() }));
    expect(digest).toBe(built);
    const file = await variant((spec) => {
      spec.name = 'imported-engine';
      Object.assign(spec.gate, { articles: 16, served: { articles: 0 } });
      spec.start = { engine: digest };
    });
    const { exitCode, result } = await runSpec(file);
    expect(exitCode).toBe(0);
    const names = result.steps.map(({ name }) => name);
    expect(names).not.toContain('checkpoint');
    expect(names).not.toContain('engine');
    expect(names).toContain('baseline-engine');
    expect(result.scores).toEqual(demo.scores);

    const other = await variant((spec) => {
      spec.name = 'other-limits';
      spec.start = { engine: digest };
      spec.build.maxBatchSize = 2;
    });
    const refused = await product.run(['run', other]);
    expect(refused.exitCode).toBe(4);
    const said = `${refused.stdout} ${refused.stderr}`.replaceAll(/\s+/g, ' ');
    expect(said).toContain("the engine's max_batch_size is 4; asked for was 2");
  });

  test('may start from a model that no Hub has: its content decides, so all that was made of it is reused', async () => {
    const directory = join(installation.hubMirror, 'models/HuggingFaceTB/SmolLM2-135M-Instruct/main');
    const imported = await product.run(['artifacts', 'import', 'model', directory, '--json']);
    expect(imported.exitCode, imported.stderr).toBe(0);
    const { digest } = lastJsonLine(imported.stdout, z.object({ digest: z.string() }));
    expect(digest).toBe(demo.steps.find(({ name }) => name === 'model')?.digest);
    const file = await variant((spec) => {
      spec.name = 'local-model';
      Object.assign(spec.model, { repository: 'local/SmolLM2', revision: digest });
      Object.assign(spec.gate, { baseline: { source: 'engine', revision: digest }, served: { articles: 0 } });
    });
    const { exitCode, result } = await runSpec(file);
    expect(exitCode, result.reason).toBe(0);
    expect(result.steps.filter(({ status }) => status === 'ran')).toEqual([]);
    expect((await product.run(['stop', 'local-model'])).exitCode).toBe(0);
  });

  test('takes an earlier revision back, under a new number', async () => {
    const { exitCode, stderr } = await product.run(['rollback', 'smollm2-135m-fp8', '--to', '1']);
    expect(exitCode, stderr).toBe(0);
    const { stdout } = await product.run(['deployments', 'smollm2-135m-fp8', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ status: 'serving', currentNumber: 3 });
    expect(stdout).toContain('"rollbackOf":1');
  });

  test('asks neither engine again where the baseline is an evaluation that exists', async () => {
    const pinned = demo.steps.find(({ name }) => name === 'baseline-evaluation-1')?.digest ?? '';
    const file = await variant((spec) => {
      spec.name = 'pinned-baseline';
      Object.assign(spec.gate, { articles: 16, served: { articles: 0 } });
      spec.gate.baseline = { source: 'evaluations', evaluations: [pinned] };
    });
    const { exitCode, result } = await runSpec(file);
    expect(exitCode).toBe(0);
    expect(result.scores).toEqual(demo.scores);
    const ran = result.steps.filter(({ status }) => status === 'ran').map(({ name }) => name);
    expect(ran).toEqual(['gate-1']);
    expect((await product.run(['stop', 'pinned-baseline'])).exitCode).toBe(0);
  });

  test('compares with the Hugging Face model itself, which scores as its engine does', async () => {
    const file = await variant((spec) => {
      spec.name = 'huggingface-baseline';
      Object.assign(spec.gate, { articles: 8, served: { articles: 0 }, margin: { points: 15 } });
      spec.gate.baseline = { source: 'huggingface' };
    });
    const { exitCode, result } = await runSpec(file);
    expect(exitCode, result.reason).toBe(0);
    expect(result.steps.map(({ name }) => name)).not.toContain('baseline-engine');
    expect(result.scores.baseline.rougeLsum).toBeGreaterThan(20);
    expect((await product.run(['stop', 'huggingface-baseline'])).exitCode).toBe(0);
  }, 300_000);

  test('gates on prompts of the user, through the chat template', async () => {
    const file = await variant((spec) => {
      spec.name = 'own-prompts';
      spec.gate.dataset = { repository: 'enginesmith/questions', revision: 'main', kind: 'prompts' };
      Object.assign(spec.gate, { articles: 8, maxOutputTokens: 40, margin: { points: 25 }, served: { articles: 4 } });
    });
    const { exitCode, result } = await runSpec(file);
    expect(exitCode, result.reason).toBe(0);
    expect(result.scores.baseline.rouge1).toBeGreaterThan(10);
    expect(result.reason).toContain('through Triton');
    expect((await product.run(['stop', 'own-prompts'])).exitCode).toBe(0);
  }, 300_000);

  test('gives the same result to a pipeline that the temporal CLI starts', async () => {
    const file = await variant((spec) => {
      spec.name = 'from-temporal-cli';
    });
    const input = join(product.home, 'spec.json');
    await writeFile(input, JSON.stringify(parse(await readFile(file, 'utf8'))));
    const { temporalAddress } = z
      .object({ temporalAddress: z.string() })
      .parse(JSON.parse(await readFile(join(product.home, 'dev.json'), 'utf8')));
    const { stdout } = await execa(
      installation.temporalServer,
      [
        'workflow',
        'execute',
        '--address',
        temporalAddress,
        '--output',
        'json',
        '--workflow-id',
        'from-temporal-cli',
      ].concat(['--type', 'quantizeBuildDeploy', '--task-queue', 'enginesmith', '--input-file', input]),
      { timeout: 220_000 },
    );
    const { result } = z
      .object({ result: z.object({ verdict: z.string(), gate: z.object({ scores: outcome.shape.scores }) }) })
      .parse(JSON.parse(stdout));
    expect(result).toEqual({ verdict: 'DEPLOYED', gate: { scores: demo.scores } });
    expect((await product.run(['stop', 'from-temporal-cli'])).exitCode).toBe(0);
  });

  test('does not protect a bad revision: it is rejected and nothing is deployed', async () => {
    const file = await variant((spec) => {
      spec.name = 'last-night';
      spec.model.revision = 'bad';
    });
    const { exitCode, result } = await runSpec(file);
    expect(exitCode).toBe(3);
    expect(result).toMatchObject({ verdict: 'REJECTED', deployment: null });
    const { stdout } = await product.run(['deployments', '--json']);
    expect(stdout).not.toContain('last-night');
  }, 300_000);

  test('leaves nothing behind when its environment is stopped', async () => {
    expect((await product.run(['dev', '--stop'])).exitCode).toBe(0);
    expect(processesNaming(product.home)).toEqual([]);
  });
});

/** Whether real command lines are those of a plan with one value for each placeholder. */
function sameButForPlaceholders(templates: string[][], made: string[][]): boolean {
  const values = new Map<string, string>();
  if (templates.length !== made.length) return false;
  return templates.every((template, line) => {
    const argv = made[line] ?? [];
    return (
      template.length === argv.length &&
      template.every((argument, index) => {
        const names = [...argument.matchAll(/\{([a-zA-Z]+)\}/g)].map(([, name = '']) => name);
        const pattern = argument.replaceAll(/[.*+?^$()|[\]\\]/g, '\\$&').replaceAll(/\{[a-zA-Z]+\}/g, '(.+)');
        const found = new RegExp(`^${pattern}$`).exec(argv[index] ?? '');
        if (found === null) return false;
        return names.every((name, group) => {
          const value = found[group + 1] ?? '';
          const known = values.get(name) ?? value;
          values.set(name, known);
          return known === value;
        });
      })
    );
  });
}
