import type { Spec } from '../../contracts/spec.js';
import type { ChoiceFacts } from './request.js';

/** One rule of choice: where it holds, this value is tried, in the order of the list; the first that is legal and fits is taken. */
export interface ChoiceRule<Value> {
  rule: string;
  /** In words what `holds` says. */
  when: string;
  holds: (facts: ChoiceFacts) => boolean;
  value: Value;
  because: string;
  source: string;
}

const MODEL_OPT = 'ModelOpt, choosing quantization methods';

/** Up to here, an engine waits for weights to come from memory; from 16 on it computes. */
const SMALL_BATCH = 4;

const hasFp8 = ({ capability }: ChoiceFacts): boolean => capability >= 89;
const isSmall = ({ batch }: ChoiceFacts): boolean => batch <= SMALL_BATCH;

/** Which format is tried when. */
export const formatRules: readonly ChoiceRule<Spec['quantization']['format']>[] = [
  {
    rule: 'fp8-first',
    when: 'from sm89 on, for quality, or for batches above 4',
    holds: (facts) => hasFp8(facts) && (facts.priority === 'quality' || !isSmall(facts)),
    value: 'fp8',
    because:
      'FP8 costs very little accuracy, halves the weights and computes faster, so it comes first where the GPU has it',
    source: MODEL_OPT,
  },
  {
    rule: 'small-batch-w4a8',
    when: 'from sm89 on, for batches up to 4',
    holds: (facts) => hasFp8(facts) && isSmall(facts),
    value: 'w4a8_awq',
    because: `batches of up to ${SMALL_BATCH} wait for memory: weights of 4 bits are read fastest, and activations in FP8 compute faster`,
    source: MODEL_OPT,
  },
  {
    rule: 'small-batch-int4-awq',
    when: 'for batches up to 4',
    holds: isSmall,
    value: 'int4_awq',
    because: `batches of up to ${SMALL_BATCH} wait for memory: weights of 4 bits are read fastest`,
    source: MODEL_OPT,
  },
  {
    rule: 'large-batch-int8-sq',
    when: 'below sm89, for batches above 4',
    holds: (facts) => !hasFp8(facts) && !isSmall(facts),
    value: 'int8_sq',
    because: 'larger batches compute, so weights and activations are both quantized; without FP8 that is INT8',
    source: MODEL_OPT,
  },
  {
    rule: 'smaller-weights-w4a8',
    when: 'from sm89 on',
    holds: hasFp8,
    value: 'w4a8_awq',
    because:
      'what comes before it is not legal here or does not fit; weights of 4 bits do, and activations still compute in FP8',
    source: MODEL_OPT,
  },
  {
    rule: 'smaller-weights-int4-awq',
    when: 'always',
    holds: () => true,
    value: 'int4_awq',
    because: 'what comes before it is not legal here or does not fit; weights of 4 bits do',
    source: MODEL_OPT,
  },
  {
    rule: 'weight-only-int8',
    when: 'always',
    holds: () => true,
    value: 'int8_wo',
    because:
      'what is calibrated is not legal for this model or release, or does not fit; INT8 weights alone are, and lose little',
    source: 'quantize.py, v0.9 to v0.13',
  },
  {
    rule: 'weight-only-int4',
    when: 'always',
    holds: () => true,
    value: 'int4_wo',
    because:
      'nothing else is legal and fits; rounding weights to 4 bits without calibration costs accuracy, which the gate will see',
    source: 'quantize.py, v0.9 to v0.13',
  },
];

/** Which KV cache is tried when. */
export const kvCacheRules: readonly ChoiceRule<Spec['quantization']['kvCache']>[] = [
  {
    rule: 'kv-cache-in-half',
    when: 'for quality',
    holds: ({ priority }) => priority === 'quality',
    value: 'none',
    because: 'the batch fits with a cache in half precision, which loses nothing',
    source: 'the estimate of memory',
  },
  {
    rule: 'kv-cache-fp8',
    when: 'from sm89 on',
    holds: hasFp8,
    value: 'fp8',
    because: 'half the memory and bandwidth a token; this GPU has FP8',
    source: 'the support matrix of TensorRT-LLM v0.9 to v0.13',
  },
  {
    rule: 'kv-cache-int8',
    when: 'below sm89',
    holds: (facts) => !hasFp8(facts),
    value: 'int8',
    because: 'half the memory and bandwidth a token, with calibrated scales; an FP8 cache is unsupported on this GPU',
    source: 'the support matrix of TensorRT-LLM v0.9 to v0.13',
  },
  {
    rule: 'kv-cache-not-quantized',
    when: 'always',
    holds: () => true,
    value: 'none',
    because: 'a quantized cache is not legal here',
    source: 'lint',
  },
];

/** Largest batch that is tried where none is asked for; smaller ones follow, each half of the one before. */
export const batchRules: readonly ChoiceRule<number>[] = [
  {
    rule: 'batch-for-latency',
    when: 'for latency',
    holds: ({ priority }) => priority === 'latency',
    value: 4,
    because: 'few requests at once leave each the most of the GPU',
    source: MODEL_OPT,
  },
  {
    rule: 'batch-for-throughput',
    when: 'for throughput',
    holds: ({ priority }) => priority === 'throughput',
    value: 64,
    because: 'the largest power of two, up to 64, whose longest requests fit at once',
    source: 'the estimate of memory',
  },
  {
    rule: 'batch-usual',
    when: 'always',
    holds: () => true,
    value: 8,
    because: 'a usual start: up to 8 of the longest requests at once',
    source: 'Enginesmith',
  },
];

/** Which parallelisms come first. */
export const parallelismRules: readonly ChoiceRule<'fewest' | 'most-tensor'>[] = [
  {
    rule: 'all-gpus-for-latency',
    when: 'for latency, where --gpus says how many there are',
    holds: ({ priority, isGpuCountAsked }) => priority === 'latency' && isGpuCountAsked,
    value: 'most-tensor',
    because: 'each GPU reads a part of the weights, so a token comes sooner with more of them',
    source: 'TensorRT-LLM, performance best practices',
  },
  {
    rule: 'fewest-gpus',
    when: 'always',
    holds: () => true,
    value: 'fewest',
    because: 'the fewest GPUs that hold the weights and the batch: ranks that talk to each other cost throughput',
    source: 'the estimate of memory',
  },
];

/** The first rule that holds. */
export function firstRule<Value>(rules: readonly ChoiceRule<Value>[], facts: ChoiceFacts): ChoiceRule<Value> {
  const found = rules.find(({ holds }) => holds(facts));
  if (found === undefined) throw new Error('the last rule of a list always holds');
  return found;
}

/** The rules that hold, in order, each value once. */
export function rulesInOrder<Value>(rules: readonly ChoiceRule<Value>[], facts: ChoiceFacts): ChoiceRule<Value>[] {
  const holding = rules.filter(({ holds }) => holds(facts));
  return holding.filter(({ value }, index) => holding.findIndex((other) => other.value === value) === index);
}
