import { specSchema } from '../../contracts/spec.js';
import type { Engine, TemplateFill } from '../course.js';
import { asNumber, type Doubt } from '../doubts.js';
import { givenOrNone, type SpecValue } from './draft.js';

export interface ServingFields {
  serving: SpecValue | undefined;
  /** Values that are left out because no long request would get through, as text. */
  leftOut: readonly string[];
  doubts: readonly Doubt[];
}

/** Of postprocessing there is one, whatever a script says: `stream-order`. */
const instanceKeys = ['preprocessing_instance_count', 'bls_instance_count'];

const shape = specSchema.shape.serving.unwrap().shape;
type ServingKey = keyof typeof shape;

/** The first value that a placeholder is filled with: then it is gone, and filling it again changes nothing. */
function reader(fills: readonly TemplateFill[], doubts: Doubt[]) {
  const find = (key: string) => fills.find(({ values }) => values.has(key));
  const read = (key: string, field: ServingKey, parse: (text: string) => unknown): unknown => {
    const fill = find(key);
    const text = fill?.values.get(key);
    if (fill === undefined) return undefined;
    const value = typeof text === 'string' ? parse(text) : undefined;
    if (typeof text === 'string' && shape[field].safeParse(value).success) return value;
    const what = typeof text === 'string' ? `${text.slice(0, 60)}, which no spec can say` : 'what is not known';
    doubts.push({
      path: ['serving', field],
      comment: `line ${fill.line} fills ${key} with ${what}; it is left out`,
      finding: null,
    });
    return undefined;
  };
  return {
    lineOf: (key: string): number => find(key)?.line ?? 0,
    number(key: string, field: ServingKey): number | undefined {
      const value = read(key, field, asNumber);
      return typeof value === 'number' ? value : undefined;
    },
    flag(key: string, field: ServingKey): boolean | undefined {
      const value = read(key, field, (text) => (/^(?:true|false)$/i.test(text) ? text.toLowerCase() === 'true' : text));
      return typeof value === 'boolean' ? value : undefined;
    },
    text(key: string, field: ServingKey): string | undefined {
      const value = read(key, field, (text) => text);
      return typeof value === 'string' ? value : undefined;
    },
  };
}

const unless = <Value>(value: Value | undefined, usual: Value): Value | undefined =>
  value === usual ? undefined : value;

/** `serving`, from what the templates are filled with; a spec's defaults are left out. */
export function servingFields({ served, maxInputTokens, maxOutputTokens }: Engine): ServingFields {
  if (served === null) return { serving: undefined, leftOut: [], doubts: [] };
  const doubts: Doubt[] = [];
  const { number, flag, text, lineOf } = reader(served.fills, doubts);
  const instances = Math.max(...instanceKeys.map((key) => number(key, 'instances') ?? 1));
  const sequence = maxInputTokens + maxOutputTokens;
  const leftOut: string[] = [];
  const longEnough = (key: string, field: ServingKey): number | undefined => {
    const tokens = number(key, field);
    if (tokens === undefined || tokens >= sequence) return tokens;
    leftOut.push(`${field} ${tokens} (line ${lineOf(key)}) is left out: a request may have ${sequence} tokens`);
    return undefined;
  };
  const policy = text('batch_scheduler_policy', 'schedulerPolicy');
  const serving = givenOrNone({
    instances: unless(instances, 1),
    maxQueueDelayMicroseconds: unless(number('max_queue_delay_microseconds', 'maxQueueDelayMicroseconds'), 600),
    kvCacheFreeGpuMemoryFraction: unless(number('kv_cache_free_gpu_mem_fraction', 'kvCacheFreeGpuMemoryFraction'), 0.5),
    accumulateTokens: unless(flag('accumulate_tokens', 'accumulateTokens'), true),
    kvCacheReuse: unless(flag('enable_kv_cache_reuse', 'kvCacheReuse'), false),
    chunkedContext: unless(flag('enable_chunked_context', 'chunkedContext'), false),
    maxTokensInKvCache: longEnough('max_tokens_in_paged_kv_cache', 'maxTokensInKvCache'),
    maxAttentionWindowTokens: unless(longEnough('max_attention_window_size', 'maxAttentionWindowTokens'), sequence),
    schedulerPolicy: policy === 'guaranteed_no_evict' || policy === 'max_utilization' ? policy : undefined,
  });
  return { serving, leftOut, doubts };
}
