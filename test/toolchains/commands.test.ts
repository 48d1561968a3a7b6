import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { Spec, SpecInput } from '../../src/contracts/spec.js';
import { type CommandTemplate, renderArgv, semanticParameters, substitute } from '../../src/toolchains/command.js';
import { compareEnginesCommand } from '../../src/toolchains/compare-engines.js';
import { convertCheckpointCommand } from '../../src/toolchains/convert-checkpoint.js';
import { launchTritonServerCommand } from '../../src/toolchains/launch-triton-server.js';
import { quantizeCommand } from '../../src/toolchains/quantize.js';
import { findRelease } from '../../src/toolchains/releases.js';
import { fillTemplateCommands, templateValues } from '../../src/toolchains/serving-templates.js';
import { answerPromptsCommand, summarizeCommand, summarizeHuggingFaceCommand } from '../../src/toolchains/summarize.js';
import { trtllmBuildCommand } from '../../src/toolchains/trtllm-build.js';
import { testSpec } from '../support/specs.js';

const contracts = new URL('../../toolchain-cpu/tests/contracts/', import.meta.url);

/** Every option of a release's argparse, as extracted from its source. */
const flags = z.array(z.object({ options: z.array(z.string()) }).loose());
const contract = z.object({
  versions: z.object({ 'v0.10.0': z.object({ flags, plugin_flags: flags.default([]) }).loose() }),
});
function optionsOf(file: string): string[] {
  const parsed = z.union([flags, contract]).parse(JSON.parse(readFileSync(new URL(file, contracts), 'utf8')));
  if (Array.isArray(parsed)) return parsed.flatMap(({ options }) => options);
  const release = parsed.versions['v0.10.0'];
  return [...release.flags, ...release.plugin_flags].flatMap(({ options }) => options);
}

const formats: [string, (input: SpecInput) => void][] = [
  ['fp8', () => {}],
  ['int4_awq', (input) => Object.assign(input.quantization, { format: 'int4_awq', awqBlockSize: 64 })],
  ['int4_wo', (input) => Object.assign(input.quantization, { format: 'int4_wo' })],
  [
    'int8_sq with an int8 cache, on six ranks',
    (input) => {
      Object.assign(input.quantization, { format: 'int8_sq', kvCache: 'int8' });
      input.parallelism = { tensor: 3, pipeline: 2 };
    },
  ],
  ['int4_wo with an fp8 cache', (input) => Object.assign(input.quantization, { format: 'int4_wo', kvCache: 'fp8' })],
  ['none', (input) => Object.assign(input.quantization, { format: 'none', calibration: undefined })],
];

describe('quantize.py', () => {
  test.each(formats)('%s has its golden command line', (_, change) => {
    expect(renderArgv(quantizeCommand(testSpec(change)))).toMatchSnapshot();
  });
});

test('the other tools have their golden command lines', () => {
  const spec = testSpec();
  const limits = { maxBatchSize: 4, maxInputTokens: 1024, maxOutputTokens: 256 };
  const commands = [
    convertCheckpointCommand(spec),
    trtllmBuildCommand(spec),
    summarizeCommand(spec, 16),
    summarizeHuggingFaceCommand(spec, 16),
    answerPromptsCommand(spec),
    compareEnginesCommand(spec),
    ...fillTemplateCommands(templateValues(spec, limits, findRelease('trtllm-0.10'))),
    launchTritonServerCommand(2, 'v0.10.0'),
  ];
  expect(commands.map(renderArgv)).toMatchSnapshot();
});

test.each<[string, (spec: Spec) => CommandTemplate, number]>([
  ['summarize.py', (spec) => summarizeCommand(spec, 16), 6],
  ['run.py', answerPromptsCommand, 6],
  ['compare_engines.py, with a smaller baseline,', compareEnginesCommand, 6],
  ['compare_engines.py, with a larger baseline,', (spec) => compareEnginesCommand(against(spec, { tensor: 9 })), 9],
  ['compare_engines.py, with the model itself,', (spec) => compareEnginesCommand(against(spec, 'huggingface')), 6],
])('%s runs once a rank', (_, commandOf, ranks) => {
  const command = commandOf(
    testSpec((input) => {
      input.parallelism = { tensor: 3, pipeline: 2 };
      input.gate.baseline = { parallelism: { tensor: 1 } };
    }),
  );
  expect(renderArgv(command).slice(0, 5)).toEqual(['mpirun', '-n', `${ranks}`, '--allow-run-as-root', 'python3']);
});

test.each(['trtllm-0.10', 'trtllm-0.11', 'trtllm-0.12', 'trtllm-0.13'])(
  'summarize.py of %s is shown an engine, of which it reads the name of the model, for the Hugging Face model too',
  (toolchain) => {
    const argv = renderArgv(summarizeHuggingFaceCommand({ ...testSpec(), toolchain }, 16)).join(' ');
    expect(argv).toContain('summarize.py --test_hf --engine_dir {engine} --hf_model_dir {model}');
  },
);

/** The spec with another baseline. */
const against = (spec: Spec, baseline: { tensor: number } | 'huggingface'): Spec => {
  const parallelism = baseline === 'huggingface' ? undefined : { pipeline: 1, ...baseline };
  const source = baseline === 'huggingface' ? baseline : 'engine';
  return { ...spec, gate: { ...spec.gate, baseline: { source, parallelism } } };
};

describe('what v0.12 chooses at run time', () => {
  const said = (build: Partial<Spec['build']>, toolchain: string): string[] => {
    const spec = { ...testSpec((input) => Object.assign(input.build ?? {}, build)), toolchain };
    const words = ['--multi_block_mode', '--enable_context_fmha_fp32_acc', 'True', 'False', 'enable', 'disable'];
    const [ofSummarize, ofRun] = [summarizeCommand(spec, 16), answerPromptsCommand(spec)].map((command) =>
      renderArgv(command).filter((word) => words.includes(word)),
    );
    expect(ofRun, 'run.py is asked as summarize.py is').toEqual(ofSummarize);
    return ofSummarize ?? [];
  };
  const on = { multiBlockMode: true, contextFmhaFp32Accumulation: true };
  const off = { multiBlockMode: false, contextFmhaFp32Accumulation: false };

  test('is chosen in an evaluation as Triton chooses it, each release in its own words', () => {
    expect(said(on, 'trtllm-0.12')).toEqual(['--multi_block_mode', '--enable_context_fmha_fp32_acc']);
    expect(said(off, 'trtllm-0.12')).toEqual([]);
    expect(said(on, 'trtllm-0.13')).toEqual(['--multi_block_mode', 'True', '--enable_context_fmha_fp32_acc']);
    // Left out, it is on in v0.13.
    expect(said(off, 'trtllm-0.13')).toEqual(['--multi_block_mode', 'False']);
  });

  test.each(['reference-cpu', 'trtllm-0.9', 'trtllm-0.10', 'trtllm-0.11'])(
    'is in the engine of %s, and not asked again',
    (toolchain) => {
      expect(said(on, toolchain)).toEqual([]);
    },
  );

  test.each(['trtllm-0.12', 'trtllm-0.13'])('is left to %s where the spec says nothing', (toolchain) => {
    expect(said({}, toolchain)).toEqual([]);
  });
});

test.each<[string, CommandTemplate]>([
  ['quantize.json', quantizeCommand(testSpec((input) => Object.assign(input.quantization, { format: 'int4_awq' })))],
  ['llama_convert_checkpoint.json', convertCheckpointCommand(testSpec())],
  ['trtllm_build.json', trtllmBuildCommand(testSpec())],
  ['summarize.v0.10.0.json', summarizeCommand(testSpec(), 16)],
  [
    'summarize.v0.10.0.json',
    summarizeHuggingFaceCommand(
      testSpec(({ quantization }) => Object.assign(quantization, { gpus: 2 })),
      16,
    ),
  ],
  ['run.v0.10.0.json', answerPromptsCommand(testSpec())],
])('every flag is one that v0.10.0 has: %s', (file, { flags }) => {
  expect(optionsOf(file)).toEqual(expect.arrayContaining(flags.map(({ name }) => name)));
});

describe('semantic parameters', () => {
  test('leave out paths and what only changes how a tool works', () => {
    const parameters = semanticParameters(trtllmBuildCommand(testSpec()));
    expect(parameters).toMatchObject({ '--max_batch_size': '4' });
    expect(Object.keys(parameters)).not.toEqual(expect.arrayContaining(['--workers']));
    expect(Object.keys(parameters)).not.toEqual(expect.arrayContaining(['--output_dir']));
  });
});

describe('substitute', () => {
  test('puts values into every placeholder', () => {
    expect(
      substitute(['-i', '{repository}/x', 'tokenizer_dir:{model},n:1'], { repository: '/r', model: '/m' }),
    ).toEqual(['-i', '/r/x', 'tokenizer_dir:/m,n:1']);
  });

  test('puts a list in the place of its argument', () => {
    expect(substitute(['--input_text', '{prompts...}'], {}, { prompts: ['a', '{b}'] })).toEqual([
      '--input_text',
      'a',
      '{b}',
    ]);
  });

  test('refuses a placeholder without a value', () => {
    expect(() => substitute(['{output}'], {})).toThrow('{output}');
  });
});
