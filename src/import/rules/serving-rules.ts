import { posix } from 'node:path';
import type { ReleaseNumber } from '../../toolchains/contracts/contracts.js';
import type { Engine, ModelRepository, TemplateFill } from '../course.js';
import { isDoubtful } from '../doubts.js';
import { type Finding, finding } from '../findings.js';
import { releaseNumbers } from '../page-release.js';
import { readFill } from '../read-templates.js';
import type { Rule } from './context.js';

interface RequiredKey {
  model: string;
  key: string;
  /** The first release whose template asks for it. */
  from: ReleaseNumber;
  consequence: string;
}

const unparseable = 'without quotes the configuration cannot be parsed';

/** Placeholders without a default: what is left of them in the file breaks the model. */
const requiredKeys: readonly RequiredKey[] = [
  ...['preprocessing', 'postprocessing', 'tensorrt_llm_bls', 'ensemble', 'tensorrt_llm'].map((model) => ({
    model,
    key: 'triton_max_batch_size',
    from: 'v0.9.0' as const,
    consequence: unparseable,
  })),
  { model: 'preprocessing', key: 'tokenizer_dir', from: 'v0.9.0', consequence: 'the tokenizer is not found' },
  { model: 'postprocessing', key: 'tokenizer_dir', from: 'v0.9.0', consequence: 'the tokenizer is not found' },
  { model: 'preprocessing', key: 'preprocessing_instance_count', from: 'v0.9.0', consequence: unparseable },
  { model: 'postprocessing', key: 'postprocessing_instance_count', from: 'v0.9.0', consequence: unparseable },
  { model: 'tensorrt_llm_bls', key: 'bls_instance_count', from: 'v0.9.0', consequence: unparseable },
  { model: 'tensorrt_llm_bls', key: 'decoupled_mode', from: 'v0.9.0', consequence: unparseable },
  { model: 'tensorrt_llm', key: 'decoupled_mode', from: 'v0.9.0', consequence: unparseable },
  { model: 'tensorrt_llm', key: 'max_queue_delay_microseconds', from: 'v0.9.0', consequence: unparseable },
  { model: 'tensorrt_llm', key: 'engine_dir', from: 'v0.9.0', consequence: 'there is no engine to load' },
  { model: 'tensorrt_llm', key: 'batching_strategy', from: 'v0.9.0', consequence: 'the model does not load' },
  {
    model: 'tensorrt_llm',
    key: 'triton_backend',
    from: 'v0.10.0',
    consequence: 'Triton has no backend of the name that the placeholder is, so the model cannot load',
  },
];

/** Of one model of a repository: everything that its calls fill together. The first fills a placeholder, and then it is gone. */
const filled = ({ fills }: ModelRepository, model: string): TemplateFill[] =>
  fills.filter((fill) => fill.model === model);

const filledValue = (fills: readonly TemplateFill[], key: string): { text: string; line: number } | null => {
  const fill = fills.find(({ values }) => values.has(key));
  const text = fill?.values.get(key);
  return fill === undefined || text === undefined || text === null ? null : { text, line: fill.line };
};

const numberIn = (fills: readonly TemplateFill[], key: string): { count: number; line: number } | null => {
  const value = filledValue(fills, key);
  return value !== null && /^\d+$/.test(value.text) ? { count: Number(value.text), line: value.line } : null;
};

const splitValues: Rule = ({ calls }) =>
  calls.flatMap((call) => {
    const found = call.program === 'fill_template.py' ? readFill(call) : null;
    return (found?.broken ?? []).map((part) =>
      finding('template-value-split', {
        line: found?.fill.line ?? call.line,
        field: part.split(':')[0] ?? part,
        message: `fill_template.py splits at "," and ":", and "${part}" is then no key and value: it exits 1`,
        fix: 'Take a value without "," and ":".',
      }),
    );
  });

const unfilledKeys: Rule = ({ course, stated: { release } }) =>
  course.repositories.flatMap((repository) =>
    requiredKeys.flatMap(({ model, key, from, consequence }): Finding[] => {
      const [last, ...earlier] = filled(repository, model);
      if (last === undefined || releaseNumbers.indexOf(release) < releaseNumbers.indexOf(from)) return [];
      if ([last, ...earlier].some(({ values }) => values.has(key))) return [];
      return [
        finding('template-key-unfilled', {
          line: last.line,
          field: key,
          message: `the ${model} template of ${release} leaves ${key} open, and nothing fills it: ${consequence}`,
          fix: key === 'triton_backend' ? 'Add triton_backend:tensorrtllm.' : `Add ${key}.`,
        }),
      ];
    }),
  );

const blsModelName: Rule = ({ course, stated: { release } }) =>
  course.repositories.flatMap((repository) => {
    const [last, ...earlier] = filled(repository, 'tensorrt_llm_bls');
    const isFilled = [last, ...earlier].some((fill) => fill?.values.has('tensorrt_llm_model_name'));
    if (last === undefined || isFilled || release === 'v0.13.0') return [];
    return [
      finding('bls-model-name-unfilled', {
        line: last.line,
        field: 'tensorrt_llm_model_name',
        message: `up to v0.12 tensorrt_llm_bls takes what is left of the placeholder for a model's name: it loads, and every request to it fails; the ensemble is not affected`,
        fix: 'Add tensorrt_llm_model_name:tensorrt_llm.',
      }),
    ];
  });

const sequenceOf = ({ maxInputTokens, maxOutputTokens }: Engine): number => maxInputTokens + maxOutputTokens;

const tooShort: Rule = ({ course }) =>
  course.repositories.flatMap((repository) => {
    const { engine } = repository;
    if (engine === null || isDoubtful(engine.doubts, 'build', 'maxInputTokens')) return [];
    if (isDoubtful(engine.doubts, 'build', 'maxOutputTokens')) return [];
    const fills = filled(repository, 'tensorrt_llm');
    const capacity = numberIn(fills, 'max_tokens_in_paged_kv_cache');
    const window = numberIn(fills, 'max_attention_window_size');
    const sum = `${engine.maxInputTokens} + ${engine.maxOutputTokens} = ${sequenceOf(engine)}`;
    return [
      ...(capacity === null || capacity.count >= sequenceOf(engine)
        ? []
        : [
            finding('kv-cache-below-sequence', {
              line: capacity.line,
              field: 'max_tokens_in_paged_kv_cache',
              message: `${capacity.count} tokens of KV cache for all requests together, and one may have ${sum}: the longest never fit, and ${engine.maxBatchSize} at once do not either`,
              fix: `Leave it out: kv_cache_free_gpu_mem_fraction decides; or give at least ${sequenceOf(engine)}.`,
            }),
          ]),
      ...(window === null || window.count >= sequenceOf(engine)
        ? []
        : [
            finding('attention-window-below-sequence', {
              line: window.line,
              field: 'max_attention_window_size',
              message: `attention looks back ${window.count} tokens, and a request may have ${sum}: longer ones forget their beginning without a word`,
              fix: `Leave it out, or set it to ${sequenceOf(engine)}.`,
            }),
          ]),
    ];
  });

const batchSizes: Rule = ({ course }) => [
  ...course.repositories.flatMap((repository) => {
    const { engine } = repository;
    if (engine === null || isDoubtful(engine.doubts, 'build', 'maxBatchSize')) return [];
    return [...new Set(repository.fills.map(({ model }) => model))].flatMap((model) => {
      const batch = numberIn(filled(repository, model), 'triton_max_batch_size');
      if (batch === null || batch.count === engine.maxBatchSize) return [];
      return [
        finding('batch-size-mismatch', {
          line: batch.line,
          field: 'triton_max_batch_size',
          message: `${model} is filled with ${batch.count}, and the engine of line ${engine.tool.call.line} takes batches of ${engine.maxBatchSize}`,
          fix: `Fill it with ${engine.maxBatchSize}. A pipeline takes the engine's.`,
        }),
      ];
    });
  }),
  ...course.engines.flatMap((engine) => {
    if (isDoubtful(engine.doubts, 'build', 'maxBatchSize')) return [];
    if (engine.served !== null || engine.checkpoint.model === null || engine.question !== null) return [];
    const other = course.repositories.find(
      (repository) => repository.engine?.checkpoint.model === engine.checkpoint.model,
    );
    const batch = other === undefined ? null : numberIn(filled(other, 'tensorrt_llm'), 'triton_max_batch_size');
    if (batch === null || batch.count === engine.maxBatchSize) return [];
    return [
      finding('batch-size-of-another-engine', {
        line: engine.tool.call.line,
        field: '--max_batch_size',
        message: `this engine takes batches of ${engine.maxBatchSize}; the templates of the same model are filled with ${batch.count} (line ${batch.line}), which would not fit it`,
        fix: `Fill templates for this engine with ${engine.maxBatchSize}.`,
      }),
    ];
  }),
];

const splitCharacters: Rule = ({ course }) =>
  course.repositories.flatMap((repository) => {
    const accumulates = filledValue(filled(repository, 'tensorrt_llm_bls'), 'accumulate_tokens');
    const decoupled = filledValue(filled(repository, 'tensorrt_llm'), 'decoupled_mode');
    if (accumulates === null || !/^false$/i.test(accumulates.text) || !/^true$/i.test(decoupled?.text ?? '')) return [];
    return [
      finding('accumulate-tokens-off', {
        line: accumulates.line,
        field: 'accumulate_tokens',
        message:
          'each chunk of a stream is decoded on its own: characters of several bytes arrive as U+FFFD, and blanks between words may be lost',
        fix: 'Fill accumulate_tokens:True, and let clients replace their text by each chunk.',
      }),
    ];
  });

const streamOrder: Rule = ({ course }) =>
  course.repositories.flatMap((repository) => {
    const instances = numberIn(filled(repository, 'postprocessing'), 'postprocessing_instance_count');
    const decoupled = filledValue(filled(repository, 'tensorrt_llm'), 'decoupled_mode');
    if (instances === null || instances.count <= 1 || !/^true$/i.test(decoupled?.text ?? '')) return [];
    return [
      finding('stream-order', {
        line: instances.line,
        field: 'postprocessing_instance_count',
        message: `the ensemble hands each token of a stream to whichever of ${instances.count} instances is free: text arrives out of order now and then (tensorrtllm_backend issue 614)`,
        fix: 'Fill postprocessing_instance_count:1. A pipeline does; the other two may have more.',
      }),
    ];
  });

const http: Rule = ({ calls }) =>
  calls.flatMap(({ program, path, arguments: words }) => {
    const index = words.findIndex(({ text }) => /^--allow-http(?:=|$)/.test(text ?? ''));
    const word = words[index];
    if (program !== 'tritonserver' || word === undefined) return [];
    const value = word.text?.split('=')[1] ?? words[index + 1]?.text ?? '';
    if (!/^(?:false|0)$/i.test(value)) return [];
    return [
      finding('http-disabled', {
        line: word.line,
        field: '--allow-http',
        message: `${posix.basename(path)} without HTTP has no /v2/health/ready that a launcher, a container or a load balancer can poll; streams work over HTTP too (generate_stream)`,
        fix: 'Leave HTTP on, on loopback if need be.',
      }),
    ];
  });

/** Triton's model repository, and what is launched on it. */
export const servingRules: readonly Rule[] = [
  splitValues,
  unfilledKeys,
  blsModelName,
  tooShort,
  batchSizes,
  splitCharacters,
  streamOrder,
  http,
];
