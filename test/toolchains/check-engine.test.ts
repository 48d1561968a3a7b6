import { expect, test } from 'vitest';
import type { Spec } from '../../src/contracts/spec.js';
import { checkEngine, checkImportedEngine } from '../../src/toolchains/check-engine.js';
import { testSpec } from '../support/specs.js';

type Said = Partial<Spec['build']>;

const spec = (said: Said = {}): Spec => {
  const parsed = testSpec();
  return { ...parsed, build: { ...parsed.build, ...said } };
};

const checkpoint = {
  architecture: 'LlamaForCausalLM',
  mapping: { world_size: 1, tp_size: 1, pp_size: 1 },
  quantization: { quant_algo: 'FP8', kv_cache_quant_algo: null },
};
const limits = { max_batch_size: 4, max_input_len: 1024, max_output_len: 256 };

/** As v0.10 writes it, and the CPU reference. */
const engine = (options: object = { max_num_tokens: 4096, plugin_config: { use_paged_context_fmha: false } }): string =>
  JSON.stringify({ version: '0.10.0', pretrained_config: checkpoint, build_config: { ...limits, ...options } });

test.each<[string, Said, string]>([
  [
    'context attention that is not paged, where the spec has it',
    { pagedContextFmha: true },
    "the engine's use_paged_context_fmha is false; asked for was true",
  ],
  [
    'fewer tokens a step than the spec says',
    { maxNumTokens: 8192 },
    "the engine's max_num_tokens is 4096; asked for was 8192",
  ],
  ['a smaller batch', { maxBatchSize: 8 }, "the engine's max_batch_size is 4; asked for was 8"],
])('an engine that was imported is refused for %s', (_, said, message) => {
  expect(() => checkImportedEngine(engine(), spec(said))).toThrow(
    expect.objectContaining({ type: 'ToolOutputInvalid', message: expect.stringContaining(message) }),
  );
});

test('paged context attention is refused where the spec says that there is none', () => {
  const paged = engine({ plugin_config: { use_paged_context_fmha: true } });
  expect(() => checkImportedEngine(paged, spec({ pagedContextFmha: false }))).toThrow('use_paged_context_fmha is true');
});

test.each<[string, string, Said]>([
  ['is as the spec says', engine(), { pagedContextFmha: false, maxNumTokens: 4096 }],
  ['has more than the spec speaks of', engine(), {}],
  ['does not say', engine({}), { pagedContextFmha: true, maxNumTokens: 4096 }],
  ['left it to its batch', engine({ max_num_tokens: null, plugin_config: {} }), { maxNumTokens: 4096 }],
])('an engine that %s may be started from', (_, config, said) => {
  expect(() => checkImportedEngine(config, spec(said))).not.toThrow();
});

// Its flags were this service's own; of an engine from elsewhere nothing is known but what it says.
test('an engine that was built here is held to its ranks, quantization and limits alone', () => {
  expect(checkEngine(engine(), spec({ maxNumTokens: 8192 }))).toBe(1);
});
