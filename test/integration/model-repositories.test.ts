import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { Spec } from '../../src/contracts/spec.js';
import { renderArgv, substitute } from '../../src/toolchains/command.js';
import { contracts } from '../../src/toolchains/contracts/contracts.js';
import { type EnsembleModel, ensembleModels, placeholdersOf } from '../../src/toolchains/contracts/templates.js';
import { findRelease, releases } from '../../src/toolchains/releases.js';
import {
  ENSEMBLE_TEMPLATE,
  fillTemplateCommands,
  type TemplateValues,
  templateValues,
} from '../../src/toolchains/serving-templates.js';
import { installation, lastJsonLine, toolchainPython } from '../support/product.js';
import { testSpec } from '../support/specs.js';
import { writeTemplateRepository } from '../support/template-repository.js';

const configurations = z.record(
  z.enum(ensembleModels),
  z.looseObject({
    max_batch_size: z.number(),
    backend: z.string().optional(),
    parameters: z.record(z.string(), z.object({ string_value: z.string() })).default({}),
  }),
);
type Configurations = z.output<typeof configurations>;

const limits = { maxBatchSize: 4, maxInputTokens: 1024, maxOutputTokens: 256 };
const paths = { model: '/srv/a model', engine: '/srv/engine=1' };

/** Every field of serving that the templates know. */
const spec: Spec = testSpec((input) => {
  input.serving = {
    instances: 3,
    maxQueueDelayMicroseconds: 700,
    kvCacheFreeGpuMemoryFraction: 0.75,
    accumulateTokens: false,
    kvCacheReuse: true,
    chunkedContext: true,
    maxTokensInKvCache: 4096,
    maxAttentionWindowTokens: 512,
    schedulerPolicy: 'max_utilization',
  };
});

let repository = '';
beforeEach(async () => {
  repository = await mkdtemp(join(tmpdir(), 'enginesmith-repository-'));
});
afterEach(() => rm(repository, { recursive: true, force: true }));

/** Fills the repository with the installed fill_template.py. */
async function fill(values: TemplateValues): Promise<void> {
  const environment = { PATH: `${dirname(toolchainPython)}:${process.env.PATH}` };
  for (const command of fillTemplateCommands(values)) {
    const toolchain = installation.toolchainRoot;
    const [program = '', ...rest] = substitute(renderArgv(command), { ...paths, toolchain, repository });
    await execa(program, rest, { env: environment });
  }
}

async function parse(): Promise<Configurations> {
  const { stdout } = await execa(toolchainPython, ['test/support/parse_model_configs.py', repository]);
  return lastJsonLine(stdout, configurations);
}

const parametersOf = ({ parameters }: Configurations[EnsembleModel]): Record<string, string> =>
  Object.fromEntries(Object.entries(parameters).map(([key, value]) => [key, value.string_value]));

/** Placeholders that a filled repository still has. */
const leftOver = (filled: Configurations): { model: EnsembleModel; placeholder: string }[] =>
  ensembleModels.flatMap((model) =>
    [...JSON.stringify(filled[model]).matchAll(/\$\{(\w+)\}/g)].map(([, placeholder = '']) => ({ model, placeholder })),
  );

const toolchains = releases.filter(({ tritonBackend }) => tritonBackend === 'tensorrtllm');

test('there is a toolchain of every release', () => {
  expect(toolchains.map(({ release }) => release)).toEqual(Object.keys(contracts));
});

describe.each(toolchains)('a model repository of $release', (toolchain) => {
  const { release } = toolchain;
  const needs = (model: EnsembleModel, placeholder: string): boolean =>
    placeholdersOf(release, model).get(placeholder)?.isRequired ?? true;

  test('is Triton model configuration that says what the spec does, and lacks nothing that the release needs', async () => {
    await writeTemplateRepository(release, repository);
    await fill(templateValues(spec, limits, toolchain));
    const filled = await parse();

    expect(leftOver(filled).filter(({ model, placeholder }) => needs(model, placeholder))).toEqual([]);
    const instances = { instance_group: [{ count: 3, kind: 'KIND_CPU' }] };
    const decoupled = { model_transaction_policy: { decoupled: true } };
    expect(filled).toMatchObject({
      preprocessing: { max_batch_size: 4, ...instances },
      // Two would answer the tokens of a stream in either order.
      postprocessing: { max_batch_size: 4, instance_group: [{ count: 1, kind: 'KIND_CPU' }] },
      tensorrt_llm_bls: { max_batch_size: 4, ...instances, ...decoupled },
      ensemble: { max_batch_size: 4, platform: 'ensemble' },
      tensorrt_llm: {
        max_batch_size: 4,
        backend: 'tensorrtllm',
        ...decoupled,
        // A queue of size 0, which has no limit, reads as none.
        dynamic_batching: { max_queue_delay_microseconds: '700' },
      },
    });
    expect(parametersOf(filled.preprocessing)).toMatchObject({ tokenizer_dir: '/srv/a model' });
    expect(parametersOf(filled.postprocessing)).toMatchObject({
      tokenizer_dir: '/srv/a model',
      skip_special_tokens: 'True',
    });
    expect(parametersOf(filled.tensorrt_llm_bls)).toMatchObject({
      accumulate_tokens: 'False',
      tensorrt_llm_model_name: 'tensorrt_llm',
    });
    expect(parametersOf(filled.tensorrt_llm)).toMatchObject({
      gpt_model_path: '/srv/engine=1',
      gpt_model_type: 'inflight_fused_batching',
      max_beam_width: '1',
      max_attention_window_size: '512',
      kv_cache_free_gpu_mem_fraction: '0.75',
      exclude_input_in_output: 'True',
      enable_kv_cache_reuse: 'True',
      enable_chunked_context: 'True',
      max_tokens_in_paged_kv_cache: '4096',
      batch_scheduler_policy: 'max_utilization',
    });
  });

  test('does not parse where one value outside of quotes is withheld', async () => {
    const values = templateValues(spec, limits, toolchain);
    const { decoupled_mode: _, ...others } = values.tensorrt_llm_bls;
    await writeTemplateRepository(release, repository);
    await fill({ ...values, tensorrt_llm_bls: others });
    await expect(parse()).rejects.toThrow(/tensorrt_llm_bls\/config\.pbtxt: .*\$/);
  });

  test('shows where one value within quotes is withheld', async () => {
    const values = templateValues(spec, limits, toolchain);
    const { engine_dir: _, ...others } = values.tensorrt_llm;
    await writeTemplateRepository(release, repository);
    await fill({ ...values, tensorrt_llm: others });
    expect(leftOver(await parse()).filter(({ model, placeholder }) => needs(model, placeholder))).toEqual([
      { model: 'tensorrt_llm', placeholder: 'engine_dir' },
    ]);
  });
});

test('the templates of the CPU toolchain parse once they are filled', async () => {
  const templates = join(installation.toolchainRoot, 'opt/ensemble_models', ENSEMBLE_TEMPLATE);
  await cp(templates, repository, { recursive: true });
  await fill(templateValues(testSpec(), limits, findRelease('reference-cpu')));
  const filled = await parse();
  expect(filled.tensorrt_llm.backend).toBe('python');
  expect(parametersOf(filled.tensorrt_llm)).toMatchObject({ max_attention_window_size: '1280' });
});
