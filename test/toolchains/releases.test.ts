import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type AnySpec, parseAnySpec, specSchemas } from '../../src/contracts/any-spec.js';
import { EnginesmithFailure } from '../../src/contracts/failures.js';
import type { Spec } from '../../src/contracts/spec.js';
import { planBenchmark } from '../../src/toolchains/benchmark.js';
import { type CommandTemplate, renderArgv } from '../../src/toolchains/command.js';
import { toolNames } from '../../src/toolchains/contracts/contract.js';
import { contracts } from '../../src/toolchains/contracts/contracts.js';
import { launchTritonServerCommand } from '../../src/toolchains/launch-triton-server.js';
import { releases, type ToolchainRelease } from '../../src/toolchains/releases.js';
import { commandsOfSide } from '../../src/toolchains/side-commands.js';
import { planVisionLanguage } from '../../src/toolchains/vision-language.js';
import { parseArguments, toolOf } from '../support/argument-parser.js';
import { illegalValues, jsonSchema, valuesOf } from '../support/schema-arbitrary.js';

const seed = 20_261_128;
const SPECS = 10_000;
const real = releases.filter(({ name }) => name.startsWith('trtllm-'));

/** Flags of each program by release, counted in the programs themselves: a line that a contract loses is missed here. */
const flagCounts = {
  'quantize.py': [13, 18, 25, 25, 25],
  'llama/convert_checkpoint.py': [38, 39, 39, 45, 46],
  'qwen/convert_checkpoint.py': [32, 34, 23, 22, 22],
  'trtllm-build': [60, 67, 66, 64, 66],
  'summarize.py': [35, 37, 59, 62, 64],
  'run.py': [39, 40, 53, 56, 59],
  'qwenvl/vit_onnx_trt.py': [8, 8, 8, 8, 8],
  'qwenvl/run.py': [15, 15, 15, 15, 14],
  gptManagerBenchmark: [33, 40, 43, 48, 50],
  'launch_triton_server.py': [11, 11, 12, 12, 14],
  'prepare_dataset.py': [8, 7, 7, 7, 7],
  'prepare_dataset.py token-norm-dist': [5, 5, 5, 5, 5],
  'prepare_dataset.py token-unif-dist': [0, 0, 0, 5, 5],
  'prepare_dataset.py dataset': [10, 10, 10, 10, 10],
};

test('the contracts have every flag of their programs', () => {
  const counted = Object.fromEntries(
    toolNames.map((tool) => [
      tool,
      Object.values(contracts).map(
        (contract) => new Set([...(contract.flagsOf(tool)?.values() ?? [])].map(({ names: [name] }) => name)).size,
      ),
    ]),
  );
  expect(counted).toEqual(flagCounts);
});

/** Every command line that a spec comes to. */
function commandsOf(spec: AnySpec, { release }: ToolchainRelease): CommandTemplate[] {
  if (spec.kind === 'benchmark') return planBenchmark(spec).flatMap(({ commands }) => commands);
  if (spec.kind === 'vision-language') return planVisionLanguage(spec).flatMap(({ commands }) => commands);
  return [
    ...commandsOfSide(spec, 'candidate'),
    ...commandsOfSide(spec, 'baseline'),
    launchTritonServerCommand(spec.parallelism.tensor * spec.parallelism.pipeline, release),
  ];
}

const schemas = Object.values(specSchemas).map((schema) => jsonSchema.parse(z.toJSONSchema(schema, { io: 'input' })));
/** Specs as their JSON Schemas allow them; those that the schema cannot tell from wrong ones are left out. */
const specs = fc
  .oneof(...schemas.map((schema) => valuesOf(schema)))
  .map((value): AnySpec | null => {
    try {
      return parseAnySpec(value, 'generated');
    } catch {
      return null;
    }
  })
  .filter((spec) => spec !== null);

const fieldExists = (spec: AnySpec, field: string): boolean => {
  let value: unknown = spec;
  for (const key of field.split('.')) {
    value =
      typeof value === 'object' && value !== null ? Object.getOwnPropertyDescriptor(value, key)?.value : undefined;
  }
  return value !== undefined;
};

/** A spec that asks for everything that specs of its kind can ask for. */
const everything: AnySpec[] = [
  ...(['int4_awq', 'fp8', 'int4_gptq', 'none'] as const).map((format) =>
    parseAnySpec(
      {
        apiVersion: 'enginesmith/v1',
        name: 'everything',
        model: { repository: 'owner/name', family: format === 'none' ? 'qwen' : 'llama' },
        quantization: {
          format,
          kvCache: format === 'none' || format === 'int4_gptq' ? 'none' : 'int8',
          gpus: 2,
          calibration: { dataset: { repository: 'owner/data' } },
        },
        build: {
          ...{ maxBeamWidth: 2, maxNumTokens: 4096, optNumTokens: 256, tokensPerBlock: 64, contextFmha: true },
          ...{ pagedContextFmha: true, fp8ContextFmha: true, contextFmhaFp32Accumulation: true, customAllReduce: true },
          ...{ multiBlockMode: true, fusedMlp: true, multipleProfiles: true, reduceFusion: true, stronglyTyped: true },
          ...{ gatherContextLogits: true, gatherGenerationLogits: true, lookupPlugin: true },
        },
        gate: {
          dataset: { repository: 'owner/data', kind: format === 'fp8' ? 'prompts' : 'articles' },
          margin: { share: 0.1 },
          baseline: { source: format === 'none' ? 'huggingface' : 'engine' },
        },
      },
      'everything',
    ),
  ),
  parseAnySpec(
    {
      ...{ apiVersion: 'enginesmith/v1', kind: 'vision-language', name: 'everything' },
      model: { repository: 'owner/name', family: 'qwen' },
      quantization: { format: 'none' },
      question: { images: ['a.jpeg', 'b.jpeg'] },
    },
    'everything',
  ),
  parseAnySpec(
    {
      ...{ apiVersion: 'enginesmith/v1', kind: 'benchmark', name: 'everything' },
      model: { repository: 'owner/name' },
      engine: { directory: '/engines/one', parallelism: { tensor: 2 } },
      workloads: [{ name: 'long', requests: 9, inputTokens: { mean: 5 }, outputTokens: { mean: 5 } }],
      runs: [
        {
          ...{ name: 'all', workload: 'long', batching: 'static', requestsPerSecond: 2, samples: 5 },
          ...{ staticBatchSize: 2, staticTimeoutMilliseconds: 9, streaming: true },
        },
      ],
    },
    'everything',
  ),
];

const atRelease = (spec: AnySpec, { name }: ToolchainRelease): AnySpec => ({ ...spec, toolchain: name });

describe.each(real)('$release', (release) => {
  test('has its golden command lines', async () => {
    const lines = everything.flatMap((spec) =>
      commandsOf(atRelease(spec, release), release).flatMap((command) => [
        ...[renderArgv(command).join(' ')].map((line) => `$ ${line}`),
        ...command.unsupported.map(({ field, problem }) => `  ! ${field}: ${problem}`),
      ]),
    );
    await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot(`golden/${release.release}.txt`);
  });
});

test(`${SPECS} specs from the JSON Schema, on every release, give command lines that its programs take`, () => {
  const seen = new Set<string>();
  let accepted = 0;
  let refused = 0;
  for (const spec of fc.sample(specs, { seed, numRuns: SPECS })) {
    for (const release of real) {
      const asked = atRelease(spec, release);
      const commands = commandsOf(asked, release);
      const unsupported = commands.flatMap((command) => command.unsupported);
      for (const { field, problem } of unsupported) {
        expect(fieldExists(asked, field), `${field}: ${problem}`).toBe(true);
        if (field !== 'model.family') expect(problem).toMatch(/; v0\.\d+\.0.* do(es)?\. /);
      }
      if (unsupported.length > 0) refused += 1;
      else accepted += 1;
      for (const command of commands) {
        if (command.unsupported.length > 0) continue;
        const started = toolOf(renderArgv(command));
        if (started === undefined) continue;
        const { flags, problems } = parseArguments(release.release, started.tool, started.words);
        expect(problems, renderArgv(command).join(' ')).toEqual([]);
        for (const flag of flags) seen.add(`${release.release} ${flag}`);
      }
    }
  }
  const reachable = new Set(
    real.flatMap((release) =>
      everything.flatMap((spec) =>
        commandsOf(atRelease(spec, release), release).flatMap((command) => {
          const started = toolOf(renderArgv(command));
          if (started === undefined) return [];
          return parseArguments(release.release, started.tool, started.words).flags.map(
            (flag) => `${release.release} ${flag}`,
          );
        }),
      ),
    ),
  );
  const share = [...reachable].filter((flag) => seen.has(flag)).length / reachable.size;
  process.stdout.write(
    `${accepted} accepted, ${refused} refused; ${(100 * share).toFixed(1)} % of ${reachable.size} flags by release seen\n`,
  );
  expect(share).toBeGreaterThanOrEqual(0.9);
  expect(accepted).toBeGreaterThan(SPECS);
});

test('a spec with one field made illegal is refused by the name of that field', () => {
  const [deployment] = schemas;
  if (deployment === undefined) throw new Error('no schema');
  const mutations = illegalValues(deployment);
  const valid = valuesOf(deployment).filter((value) => {
    try {
      return parseAnySpec(value, 'generated').kind === 'deployment';
    } catch {
      return false;
    }
  });
  const replaced = (value: unknown, [key = '', ...rest]: string[], replacement: unknown): unknown => ({
    ...(typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {}),
    [key]:
      rest.length === 0
        ? replacement
        : replaced(Object.getOwnPropertyDescriptor(value ?? {}, key)?.value, rest, replacement),
  });
  for (const spec of fc.sample(valid, { seed, numRuns: 40 })) {
    for (const { path, value } of mutations) {
      const attempt = (): Spec | AnySpec => parseAnySpec(replaced(spec, path, value), 'mutated');
      const field = path.join('.');
      expect(attempt, field).toThrow(EnginesmithFailure);
      expect(attempt, field).toThrow(new RegExp(`^ {2}${field.replaceAll('.', String.raw`\.`)}[.:]`, 'm'));
    }
  }
});
