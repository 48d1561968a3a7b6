import { nearMiss } from '../contracts/near-miss.js';
import type { ReleaseNumber } from '../toolchains/contracts/contracts.js';
import { ensembleModels, placeholdersOf, releasesWith } from '../toolchains/contracts/templates.js';
import { isBefore } from './page-release.js';

interface ValueRule {
  key: string;
  isLegal: (text: string, release: ReleaseNumber) => boolean;
  takes: string;
}

const isWhole = (text: string): boolean => /^\d{1,12}$/.test(text);
const isPositive = (text: string): boolean => isWhole(text) && Number(text) > 0;
const isSwitch = (text: string): boolean => /^(?:true|false|0|1)$/i.test(text);
const isShare = (text: string): boolean => /^(?:\d*\.)?\d+$/.test(text) && Number(text) > 0 && Number(text) <= 1;

const strategies = ['V1', 'v1', 'inflight_batching', 'inflight_fused_batching'];

/** What the models of the templates do with what is filled in (model.py and the backend's parameters, v0.9 to v0.13). */
const valueRules: readonly ValueRule[] = [
  ...['decoupled_mode', 'accumulate_tokens', 'enable_kv_cache_reuse', 'enable_chunked_context'].map((key) => ({
    key,
    isLegal: isSwitch,
    takes: 'True or False',
  })),
  ...['exclude_input_in_output', 'normalize_log_probs', 'add_special_tokens', 'skip_special_tokens'].map((key) => ({
    key,
    isLegal: isSwitch,
    takes: 'True or False',
  })),
  {
    key: 'batching_strategy',
    isLegal: (text) => strategies.includes(text),
    takes: 'V1, inflight_batching or inflight_fused_batching',
  },
  {
    key: 'batch_scheduler_policy',
    isLegal: (text) => text === 'max_utilization' || text === 'guaranteed_no_evict',
    takes: 'max_utilization or guaranteed_no_evict',
  },
  {
    key: 'triton_backend',
    isLegal: (text) => text === 'tensorrtllm' || text === 'python',
    takes: 'tensorrtllm or python',
  },
  ...['triton_max_batch_size', 'max_queue_delay_microseconds', 'max_queue_size'].map((key) => ({
    key,
    isLegal: isWhole,
    takes: 'a whole number, 0 or more',
  })),
  ...['preprocessing_instance_count', 'postprocessing_instance_count', 'bls_instance_count', 'max_beam_width'].map(
    (key) => ({ key, isLegal: isPositive, takes: 'a whole number, 1 or more' }),
  ),
  { key: 'max_tokens_in_paged_kv_cache', isLegal: isPositive, takes: 'a whole number, 1 or more' },
  {
    key: 'max_attention_window_size',
    // A list of windows, one a layer, from v0.13 on; fill_template.py takes no comma unescaped.
    isLegal: isPositive,
    takes: 'a whole number, 1 or more',
  },
  { key: 'kv_cache_free_gpu_mem_fraction', isLegal: isShare, takes: 'a share above 0, up to 1' },
];

/** Why a value is none for a placeholder; null where it is one, or is not known to be none. */
export function problemOfValue(key: string, text: string, release: ReleaseNumber): string | null {
  const rule = valueRules.find((row) => row.key === key);
  return rule === undefined || rule.isLegal(text, release) ? null : `${key} takes ${rule.takes}, not "${text}"`;
}

const isModel = (name: string): name is (typeof ensembleModels)[number] =>
  ensembleModels.some((model) => model === name);

/** Templates of a release come with what vendors add; these are in older ones, where filling them does nothing. */
const harmless: ReadonlySet<string> = new Set(['enable_trt_overlap']);

/** What a template has no place for, and what may be meant; null where it has. */
export function problemOfKey(
  key: string,
  model: string,
  release: ReleaseNumber,
): { message: string; fix: string } | null {
  if (!isModel(model) || harmless.has(key) || placeholdersOf(release, model).has(key)) return null;
  const others = releasesWith(key, model);
  const message = `the ${model} template of ${release} has no ${key}: it is filled in nowhere, without a word`;
  if (others.length > 0) {
    const when = isBefore(release, others[0] ?? release) ? 'from' : 'in';
    return { message, fix: `Take it away; ${when} ${others[0]} the template has it.` };
  }
  const elsewhere = ensembleModels.filter((other) => placeholdersOf(release, other).has(key));
  if (elsewhere.length > 0) return { message, fix: `It belongs to ${elsewhere.join(', ')}.` };
  const known = [...placeholdersOf(release, model).keys()];
  const meant = nearMiss(key, known) ?? known.find((name) => name.startsWith(key));
  return { message, fix: meant === undefined ? 'Take it away.' : `Did you mean ${meant}?` };
}
