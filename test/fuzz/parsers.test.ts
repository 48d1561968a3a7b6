import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EnginesmithFailure } from '../../src/contracts/failures.js';
import { parseTreeEntry } from '../../src/platform/hub/hub-file.js';
import { selectDatasetFiles, selectModelFiles } from '../../src/platform/hub/select-files.js';
import { checkModel } from '../../src/toolchains/check-model.js';
import { parseCheckpointConfig, parseEngineConfig } from '../../src/toolchains/checkpoint-config.js';
import { parseModelConfig } from '../../src/toolchains/model-config.js';
import { parseSummaries, parseSummarizeLog } from '../../src/toolchains/summarize-output.js';
import { testSpec } from '../support/specs.js';

const options = { seed: 20_240_611, numRuns: 300 };

/** Whatever comes out of `act`, it is a value or one of our failures. */
function survives(act: () => unknown): void {
  try {
    act();
  } catch (failure) {
    expect(failure).toBeInstanceOf(EnginesmithFailure);
  }
}

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.json(),
  fc
    .array(
      fc.constantFrom(
        '[0] [Beam 0] ',
        '[1] [Beam 0] x',
        '[TRT-LLM] [I] ',
        'rouge1 : ',
        'NaN',
        '1e999',
        '-1',
        '\n',
        '\r',
        ' : ',
      ),
      { maxLength: 30 },
    )
    .map((parts) => parts.join('')),
);

const size = fc.oneof(fc.integer({ min: -2, max: 9_000 }), fc.constantFrom(0, 1.5, null, '9', 2 ** 53));

/** A config.json whose sizes may contradict each other. */
const modelConfig = fc.record(
  {
    architectures: fc.oneof(fc.constant(['LlamaForCausalLM']), fc.array(fc.string(), { maxLength: 2 }), fc.anything()),
    hidden_size: size,
    intermediate_size: size,
    num_hidden_layers: size,
    num_attention_heads: size,
    num_key_value_heads: size,
    head_dim: size,
    vocab_size: size,
    max_position_embeddings: size,
    rope_scaling: fc.oneof(fc.constant(null), fc.record({ type: fc.string(), factor: fc.double() }), fc.anything()),
    quantization_config: fc.oneof(fc.constant(undefined), fc.anything()),
  },
  { requiredKeys: [] },
);

const mostly = <Value>(usual: fc.Arbitrary<Value>): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 9, arbitrary: usual }, { weight: 1, arbitrary: fc.anything() });

/** Nearly always of the right shape, so that what is wrong in it is looked at. */
const treeEntry = fc.record({
  type: mostly(fc.constantFrom('file', 'file', 'directory')),
  path: mostly(
    fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('../x', 'a/../../b', 'a//b', 'config.json', 'a.safetensors'),
    ),
  ),
  size: mostly(fc.maxSafeNat()),
  oid: mostly(fc.stringMatching(/^[0-9a-f]{40}$/)),
  lfs: mostly(
    fc.oneof(fc.constant(undefined), fc.record({ oid: fc.stringMatching(/^[0-9a-f]{64}$/), size: fc.maxSafeNat() })),
  ),
});

describe('what tools write', () => {
  test.each([
    ['a checkpoint configuration', parseCheckpointConfig],
    ['an engine configuration', parseEngineConfig],
    ['summaries', parseSummaries],
    ['a log of summarize.py', parseSummarizeLog],
  ])('is read as %s, or refused', (_, parse) => {
    fc.assert(
      fc.property(text, (content) => survives(() => parse(content))),
      options,
    );
  });
});

describe('what the Hub sends', () => {
  test('is a model configuration that fits a spec, or is refused', () => {
    const specs = [
      testSpec(),
      testSpec((input) => {
        input.toolchain = 'trtllm-0.10';
        input.gpuClass = 'sm90';
        input.quantization.format = 'int4_awq';
        input.parallelism = { tensor: 6, pipeline: 5 };
      }),
    ];
    fc.assert(
      fc.property(
        fc.oneof(
          text,
          modelConfig.map((value) => JSON.stringify(value)),
        ),
        (content) => {
          for (const spec of specs)
            survives(() => checkModel(spec, 'candidate', parseModelConfig(content, 'owner/name')));
        },
      ),
      { ...options, numRuns: 1_000 },
    );
  });

  test('is a list of files inside their directory, or is refused', () => {
    fc.assert(
      fc.property(fc.array(treeEntry, { maxLength: 3 }), (entries) =>
        survives(() => {
          const files = entries.flatMap((entry) => parseTreeEntry(entry) ?? []);
          for (const { path } of files) expect(path.split('/')).not.toContain('..');
          survives(() => selectModelFiles(files));
          survives(() => selectDatasetFiles(files));
        }),
      ),
      options,
    );
  });
});
