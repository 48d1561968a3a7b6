import { describe, expect, test } from 'vitest';
import type { Spec, SpecInput } from '../../../src/contracts/spec.js';
import { isError, lintSpec } from '../../../src/toolchains/lint/lint.js';
import { specRules } from '../../../src/toolchains/lint/rules.js';
import { lacksFlag } from '../../../src/toolchains/lint/toolchain.js';
import { testSpec } from '../../support/specs.js';

type Change = (input: SpecInput) => void;

/** A spec for a GPU, of which lint has nothing to say. */
const gpu = (change: Change = () => {}): Spec =>
  testSpec((input) => {
    Object.assign(input, { toolchain: 'trtllm-0.12', gpuClass: 'sm90' });
    Object.assign(input.quantization.calibration ?? {}, { samples: 128 });
    change(input);
  });

const on =
  (gpuClass: string, toolchain = 'trtllm-0.12'): Change =>
  (input) =>
    Object.assign(input, { gpuClass, toolchain });
const format =
  (name: string, kvCache = 'none'): Change =>
  (input) =>
    Object.assign(input.quantization, { format: name, kvCache });
const build =
  (options: object): Change =>
  (input) =>
    Object.assign(input.build ?? {}, options);
const serving =
  (options: object): Change =>
  (input) =>
    Object.assign(input, { serving: options });
const gate =
  (options: object): Change =>
  (input) =>
    Object.assign(input.gate, options);
const samples =
  (count: number): Change =>
  (input) =>
    Object.assign(input.quantization.calibration ?? {}, { samples: count });
const all =
  (...changes: Change[]): Change =>
  (input) => {
    for (const change of changes) change(input);
  };
const named =
  (name: string): Change =>
  (input) =>
    Object.assign(input, { name });
const family =
  (name: 'llama' | 'qwen'): Change =>
  (input) =>
    Object.assign(input.model, { family: name });
const evaluations = (count: number) => Array.from({ length: count }, (_, index) => `${index}`.repeat(64));

/** By code: what it fires on, and the nearest that it does not. */
const cases: Record<string, [Change, Change]> = {
  'gpu-class-not-in-toolchain': [on('sm70'), on('sm80')],
  'format-not-in-toolchain': [
    all(on('cpu', 'reference-cpu'), format('w4a8_awq')),
    all(on('cpu', 'reference-cpu'), format('int4_awq')),
  ],
  'kv-cache-not-in-toolchain': [() => {}, format('fp8', 'fp8')],
  'gptq-baseline-missing': [
    all(on('sm80'), format('int4_gptq')),
    all(on('sm80'), format('int4_gptq'), gate({ baseline: { repository: 'owner/unquantized' } })),
  ],
  'gptq-kv-cache': [all(on('sm89'), format('int4_gptq', 'int8')), all(on('sm89'), format('int4_gptq'))],
  'gptq-of-llama-needs-file': [
    all(on('sm80', 'trtllm-0.11'), format('int4_gptq')),
    all(on('sm80', 'trtllm-0.11'), format('int4_gptq'), family('qwen')),
  ],
  'fp8-needs-sm89': [on('sm86'), on('sm89')],
  'w4a8-awq-needs-sm89': [all(on('sm80'), format('w4a8_awq')), all(on('sm89'), format('w4a8_awq'))],
  'int4-awq-needs-sm75': [all(on('sm70'), format('int4_awq')), all(on('sm75'), format('int4_awq'))],
  'int8-sq-not-on-volta-turing': [all(on('sm75'), format('int8_sq')), all(on('sm80'), format('int8_sq'))],
  'fp8-kv-cache-needs-sm89': [all(on('sm86'), format('int4_awq', 'fp8')), all(on('sm89'), format('int4_awq', 'fp8'))],
  'fp8-context-fmha-not-on-gpu': [
    all(on('sm89', 'trtllm-0.11'), build({ fp8ContextFmha: true })),
    all(on('sm89', 'trtllm-0.12'), build({ fp8ContextFmha: true })),
  ],
  'calibration-missing': [
    (input) => Object.assign(input.quantization, { calibration: undefined }),
    (input) => Object.assign(input.quantization, { format: 'int4_wo', calibration: undefined }),
  ],
  'calibration-unused': [format('int4_wo'), format('int4_wo', 'int8')],
  'calibration-changes-nothing': [format('int4_wo', 'fp8'), format('int4_wo', 'int8')],
  'awq-clamps-samples': [all(format('int4_awq'), samples(33)), all(format('int4_awq'), samples(32))],
  'few-calibration-samples': [samples(127), samples(128)],
  'quantize-gpus-above-host': [
    (input) =>
      Object.assign(input, {
        toolchain: 'reference-cpu',
        gpuClass: 'cpu',
        quantization: { ...input.quantization, gpus: 17 },
      }),
    (input) =>
      Object.assign(input, {
        toolchain: 'reference-cpu',
        gpuClass: 'cpu',
        quantization: { ...input.quantization, gpus: 16 },
      }),
  ],
  'quantize-gpus-unused': [
    (input) => Object.assign(input, { quantization: { format: 'none', gpus: 2 } }),
    (input) => Object.assign(input, { quantization: { format: 'none', gpus: 1 } }),
  ],
  'too-many-ranks': [
    (input) => Object.assign(input, { parallelism: { tensor: 64, pipeline: 2 } }),
    (input) => Object.assign(input, { parallelism: { tensor: 32, pipeline: 2 } }),
  ],
  'ranks-above-usual-host': [
    (input) => Object.assign(input, { parallelism: { tensor: 8, pipeline: 2 } }),
    (input) => Object.assign(input, { parallelism: { tensor: 8 } }),
  ],
  'baseline-too-many-ranks': [
    gate({ baseline: { parallelism: { tensor: 64, pipeline: 2 } } }),
    gate({ baseline: { parallelism: { tensor: 32, pipeline: 2 } } }),
  ],
  'build-workers-above-ranks': [
    build({ workers: 2 }),
    all(build({ workers: 2 }), (input) => Object.assign(input, { parallelism: { tensor: 2 } })),
  ],
  'all-reduce-without-ranks': [
    build({ reduceFusion: true }),
    all(build({ reduceFusion: true }), (input) => Object.assign(input, { parallelism: { tensor: 2 } })),
  ],
  'fp8-context-fmha-without-fp8-weights': [
    all(format('int8_sq'), build({ fp8ContextFmha: true })),
    build({ fp8ContextFmha: true }),
  ],
  'kv-reuse-needs-paged-context-fmha': [
    serving({ kvCacheReuse: true }),
    all(serving({ kvCacheReuse: true }), build({ pagedContextFmha: true })),
  ],
  'chunked-context-needs-paged-context-fmha': [
    serving({ chunkedContext: true }),
    all(serving({ chunkedContext: true }), build({ pagedContextFmha: true })),
  ],
  'paged-context-fmha-with-quantized-kv-cache': [
    all(format('int4_awq', 'fp8'), build({ pagedContextFmha: true })),
    all(format('fp8', 'fp8'), build({ pagedContextFmha: true })),
  ],
  'paged-context-fmha-forces-fp8': [
    all(on('sm89', 'trtllm-0.11'), format('fp8', 'fp8'), build({ pagedContextFmha: true })),
    all(on('sm89', 'trtllm-0.12'), format('fp8', 'fp8'), build({ pagedContextFmha: true })),
  ],
  'paged-context-fmha-without-context-fmha': [
    build({ contextFmha: false, pagedContextFmha: true }),
    build({ contextFmha: true, pagedContextFmha: true }),
  ],
  'kv-cache-below-longest-request': [serving({ maxTokensInKvCache: 1279 }), serving({ maxTokensInKvCache: 1280 })],
  'kv-cache-below-batch': [serving({ maxTokensInKvCache: 1280 }), serving({ maxTokensInKvCache: 5120 })],
  'attention-window-below-sequence': [
    serving({ maxAttentionWindowTokens: 1279 }),
    serving({ maxAttentionWindowTokens: 1280 }),
  ],
  'num-tokens-below-input': [build({ maxNumTokens: 1023 }), build({ maxNumTokens: 1024 })],
  'num-tokens-large-by-default': [
    all(on('sm90', 'trtllm-0.10'), build({ maxBatchSize: 64 })),
    all(on('sm90', 'trtllm-0.11'), build({ maxBatchSize: 64 })),
  ],
  'num-tokens-below-batch': [build({ maxNumTokens: 7, maxBatchSize: 8 }), build({ maxNumTokens: 8, maxBatchSize: 8 })],
  'opt-num-tokens-above-maximum': [
    build({ maxNumTokens: 2048, optNumTokens: 2049 }),
    build({ maxNumTokens: 2048, optNumTokens: 2048 }),
  ],
  'multiple-profiles-with-opt-num-tokens': [
    build({ multipleProfiles: true, optNumTokens: 8 }),
    build({ multipleProfiles: true }),
  ],
  'weight-only-for-large-batches': [
    all(format('int4_awq'), build({ maxBatchSize: 16 })),
    all(format('int4_awq'), build({ maxBatchSize: 15 })),
  ],
  'smoke-longer-than-engine': [
    (input) => Object.assign(input, { smoke: { maxTokens: 257 } }),
    (input) => Object.assign(input, { smoke: { maxTokens: 256 } }),
  ],
  'smoke-first-token-after-last': [
    (input) => Object.assign(input, { smoke: { firstTokenWithinSeconds: 121 } }),
    (input) => Object.assign(input, { smoke: { firstTokenWithinSeconds: 120 } }),
  ],
  'serves-nothing-while-yielding': [
    (input) => Object.assign(input, { rollout: { whenBusy: 'yield' } }),
    (input) => Object.assign(input, { rollout: { whenBusy: 'wait' } }),
  ],
  'smoke-streams-above-batch': [build({ maxBatchSize: 3 }), build({ maxBatchSize: 4 })],
  'max-utilization-not-kept': [
    serving({ schedulerPolicy: 'max_utilization' }),
    all(serving({ schedulerPolicy: 'max_utilization', chunkedContext: true }), build({ pagedContextFmha: true })),
  ],
  'beams-unused': [build({ maxBeamWidth: 2 }), build({ maxBeamWidth: 1 })],
  'logits-gathered-for-nothing': [build({ gatherContextLogits: true }), build({ gatherContextLogits: false })],
  'strongly-typed-redundant': [
    all(on('sm90', 'trtllm-0.10'), build({ stronglyTyped: true })),
    all(on('sm90', 'trtllm-0.10'), format('int4_awq'), build({ stronglyTyped: true })),
  ],
  'gate-input-above-engine': [gate({ maxInputTokens: 1025 }), gate({ maxInputTokens: 1024 })],
  'gate-output-above-engine': [gate({ maxOutputTokens: 257 }), gate({ maxOutputTokens: 256 })],
  'gate-too-many-runs': [
    gate({ articles: 400, dataset: { repository: 'a/b', kind: 'prompts' } }),
    gate({ articles: 256, dataset: { repository: 'a/b', kind: 'prompts' } }),
  ],
  'gate-cannot-decide': [gate({ margin: { points: 1 }, articles: 64 }), gate({ margin: { points: 1 }, articles: 128 })],
  'served-gate-left-out': [
    family('qwen'),
    all(family('qwen'), gate({ dataset: { repository: 'a/b', kind: 'prompts' } })),
  ],
  'huggingface-baseline-of-prompts': [
    gate({ baseline: { source: 'huggingface' }, dataset: { repository: 'a/b', kind: 'prompts' } }),
    gate({ dataset: { repository: 'a/b', kind: 'prompts' } }),
  ],
  'huggingface-baseline-reads-engine': [
    gate({ baseline: { source: 'huggingface' } }),
    all(on('cpu', 'reference-cpu'), gate({ baseline: { source: 'huggingface' } })),
  ],
  'baseline-evaluations': [
    gate({ articles: 32, baseline: { source: 'evaluations', evaluations: evaluations(1) } }),
    gate({ articles: 32, baseline: { source: 'evaluations', evaluations: evaluations(2) } }),
  ],
  'baseline-revision-unused': [
    gate({ baseline: { source: 'evaluations', evaluations: evaluations(1), revision: 'main' } }),
    gate({ baseline: { revision: 'main' } }),
  ],
  'baseline-parallelism-unused': [
    gate({ baseline: { source: 'huggingface', parallelism: { tensor: 2 } } }),
    gate({ baseline: { parallelism: { tensor: 2 } } }),
  ],
  'limits-need-engines': [
    gate({ limits: { klDivergence: 0.1 } }),
    all(on('cpu', 'reference-cpu'), gate({ limits: { klDivergence: 0.1 } })),
  ],
  'name-says-other-format': [named('qwen2-7b-int4-awq'), named('qwen2-7b-fp8')],
  'name-says-other-parallelism': [named('qwen2-7b-tp4'), named('qwen2-7b-tp1')],
  'release-lacks-flag': [
    all(on('sm90', 'trtllm-0.9'), build({ reduceFusion: true })),
    all(on('sm90', 'trtllm-0.12'), build({ reduceFusion: true })),
  ],
};

const codesOf = (spec: Spec): string[] => lintSpec(spec).map(({ code }) => code);

describe('lintSpec', () => {
  test('has nothing to say of a spec that is as it should be', () => {
    expect(lintSpec(gpu())).toEqual([]);
    expect(lintSpec(testSpec())).toEqual([]);
  });

  test('has a case here for each of its rules', () => {
    expect(Object.keys(cases).sort()).toEqual([...specRules, lacksFlag].map(({ code }) => code).sort());
  });

  // No toolchain lacks a KV cache format yet: its rule is seen by a row that does.
  test.each(Object.entries(cases).filter(([code]) => code !== 'kv-cache-not-in-toolchain'))(
    '%s fires where it should, and not beside',
    (code, [fires, quiet]) => {
      expect(codesOf(gpu(fires))).toContain(code);
      expect(codesOf(gpu(quiet))).not.toContain(code);
    },
  );

  test('kv-cache-not-in-toolchain fires for a toolchain without the format', () => {
    const rule = specRules.find(({ code }) => code === 'kv-cache-not-in-toolchain');
    const release = { name: 'small', kvCacheFormats: ['none'] } as unknown as Parameters<
      NonNullable<typeof rule>['check']
    >[1];
    expect(rule?.check(gpu(format('fp8', 'fp8')), release)).toMatchObject({
      consequence: expect.stringContaining('it has none'),
    });
    expect(rule?.check(gpu(), release)).toBeNull();
  });

  test('what refuses a spec is said whole on its line of the failure', () => {
    for (const [fires] of Object.values(cases)) {
      for (const { consequence, fix } of lintSpec(gpu(fires)).filter(isError)) {
        expect(`${consequence}; ${fix}`.length).toBeLessThanOrEqual(240);
      }
    }
  });

  test('reads the prompts that default max_num_tokens would refuse, from v0.11 on', () => {
    const long = (toolchain: string) => all(on('sm90', toolchain), build({ maxInputTokens: 16384 }));
    expect(codesOf(gpu(long('trtllm-0.10')))).not.toContain('num-tokens-below-input');
    expect(codesOf(gpu(long('trtllm-0.11')))).toContain('num-tokens-below-input');
  });

  test('asks for the file of GPTQ’s weights where a converter of llama wants it, and the spec has a model to convert', () => {
    const code = 'gptq-of-llama-needs-file';
    const gptq = (toolchain: string) => all(on('sm80', toolchain), format('int4_gptq'));
    const [found] = lintSpec(gpu(gptq('trtllm-0.9'))).filter((finding) => finding.code === code);
    expect(found).toMatchObject({ severity: 'error', field: 'quantization.format' });
    expect(found?.consequence).toContain('v0.9.0 wants their file as --ammo_quant_ckpt_path');
    expect(found?.fix).toContain('start.checkpoint');
    const converted: Change = (input) => Object.assign(input, { start: { checkpoint: 'a'.repeat(64) } });
    expect(codesOf(gpu(all(gptq('trtllm-0.9'), converted)))).not.toContain(code);
    expect(codesOf(gpu(gptq('trtllm-0.13')))).not.toContain(code);
    // It has no such format at all, and says so.
    expect(codesOf(gpu(all(on('cpu', 'reference-cpu'), format('int4_gptq'))))).not.toContain(code);
  });

  test('refuses articles on v0.9, whose summarize.py asks those of the Hub, and takes prompts there', () => {
    const old = all(on('sm80', 'trtllm-0.9'), format('int8_wo'), (input) => delete input.quantization.calibration);
    expect(lintSpec(gpu(old))).toContainEqual({
      code: 'release-lacks-flag',
      severity: 'error',
      field: 'gate.dataset.kind',
      consequence: 'summarize.py of v0.9.0 has no --dataset_dir',
      fix: expect.stringMatching(
        /^v0\.10\.0, .* do\. It asks what cnn_dailymail is on the Hub that day.*: ask prompts, or/,
      ),
    });
    const prompts = gate({ dataset: { repository: 'a/b', kind: 'prompts' } });
    expect(lintSpec(gpu(all(old, prompts))).filter(isError)).toEqual([]);
  });

  test('names the newest legal choice: a release that has what the GPU lacks', () => {
    const [finding] = lintSpec(gpu(all(on('sm89', 'trtllm-0.10'), build({ fp8ContextFmha: true }))));
    expect(finding).toMatchObject({
      code: 'fp8-context-fmha-not-on-gpu',
      severity: 'error',
      field: 'build.fp8ContextFmha',
      consequence: 'context attention in FP8 needs sm90 or later in v0.10.0; gpuClass is sm89',
      fix: 'leave it out, or use trtllm-0.12 or later',
    });
  });

  test('says nothing of a gate through Triton that the spec does not ask for', () => {
    expect(codesOf(gpu(all(family('qwen'), gate({ served: { articles: 0 } }))))).not.toContain('served-gate-left-out');
  });

  test('says once of a field that the release does not have it', () => {
    const findings = lintSpec(gpu(all(on('sm80', 'trtllm-0.10'), build({ reduceFusion: true }))));
    expect(findings.filter(({ code }) => code === 'release-lacks-flag')).toHaveLength(1);
  });
});
