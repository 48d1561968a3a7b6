import type { Engine, TemplateFill } from '../course.js';
import { givenOrNone, type SpecValue } from './draft.js';

export interface ServingFields {
  serving: SpecValue | undefined;
  /** Values that are left out because no long request would get through, as text. */
  leftOut: readonly string[];
}

const instanceKeys = ['preprocessing_instance_count', 'postprocessing_instance_count', 'bls_instance_count'];

/** What a script fills in last is what Triton reads: upstream's script fills each placeholder once. */
function reader(fills: readonly TemplateFill[]) {
  const find = (key: string) => fills.find(({ values }) => typeof values.get(key) === 'string');
  return {
    lineOf: (key: string): number => find(key)?.line ?? 0,
    number(key: string): number | undefined {
      const text = find(key)?.values.get(key) ?? '';
      return /^\d+(?:\.\d+)?$/.test(text ?? '') ? Number(text) : undefined;
    },
    flag(key: string): boolean | undefined {
      const text = find(key)?.values.get(key) ?? '';
      return /^(?:true|false)$/i.test(text ?? '') ? text?.toLowerCase() === 'true' : undefined;
    },
    text: (key: string): string | undefined => find(key)?.values.get(key) ?? undefined,
  };
}

const unless = <Value>(value: Value | undefined, usual: Value): Value | undefined =>
  value === usual ? undefined : value;

/** `serving`, from what the templates are filled with; a spec's defaults are left out. */
export function servingFields({ served, maxInputTokens, maxOutputTokens }: Engine): ServingFields {
  if (served === null) return { serving: undefined, leftOut: [] };
  const { number, flag, text, lineOf } = reader(served.fills);
  const instances = Math.max(...instanceKeys.map((key) => number(key) ?? 1));
  const sequence = maxInputTokens + maxOutputTokens;
  const leftOut: string[] = [];
  const longEnough = (key: string, field: string): number | undefined => {
    const tokens = number(key);
    if (tokens === undefined || tokens >= sequence) return tokens;
    leftOut.push(`${field} ${tokens} (line ${lineOf(key)}) is left out: a request may have ${sequence} tokens`);
    return undefined;
  };
  const policy = text('batch_scheduler_policy');
  const serving = givenOrNone({
    instances: unless(instances, 1),
    maxQueueDelayMicroseconds: unless(number('max_queue_delay_microseconds'), 600),
    kvCacheFreeGpuMemoryFraction: unless(number('kv_cache_free_gpu_mem_fraction'), 0.5),
    accumulateTokens: unless(flag('accumulate_tokens'), true),
    kvCacheReuse: unless(flag('enable_kv_cache_reuse'), false),
    chunkedContext: unless(flag('enable_chunked_context'), false),
    maxTokensInKvCache: longEnough('max_tokens_in_paged_kv_cache', 'maxTokensInKvCache'),
    maxAttentionWindowTokens: unless(longEnough('max_attention_window_size', 'maxAttentionWindowTokens'), sequence),
    schedulerPolicy: policy === 'guaranteed_no_evict' || policy === 'max_utilization' ? policy : undefined,
  });
  return { serving, leftOut };
}
