import type { ModelConfig, ModelShape } from '../model-config.js';

/** Weights of a model, by what quantization does with them. */
export interface ParameterCounts {
  embedding: number;
  /** The output layer; as large as the embedding, also where it shares the embedding's weights. */
  head: number;
  /** The matrices of attention and MLP: what the formats of quantize.py quantize. */
  linear: number;
  /** Norms, biases and routers. */
  other: number;
  /** As the model's files hold them. */
  total: number;
}

/** Both Qwens have biases in the projections of query, key and value, and say nothing of it. */
const hasQueryBiases = (architectures: readonly string[]): boolean =>
  architectures.some((name) => name.startsWith('QWen') || name.startsWith('Qwen2'));

/** Counts a model's weights from the sizes in its config.json: a decoder with gated MLPs, as Llama and Qwen are. */
export function countParameters({
  architectures,
  shape,
}: Pick<ModelConfig, 'architectures'> & { shape: ModelShape }): ParameterCounts {
  const { hiddenSize, attentionSize, headSize, keyValueHeads, layers, vocabulary, experts } = shape;
  const keyValueSize = 2 * keyValueHeads * headSize;
  const attention = 2 * hiddenSize * attentionSize + hiddenSize * keyValueSize;
  const mlp = 3 * hiddenSize * shape.intermediateSize * experts;
  const router = experts === 1 ? 0 : hiddenSize * experts;
  const biases = hasQueryBiases(architectures) ? attentionSize + keyValueSize : 0;
  const embedding = vocabulary * hiddenSize;
  const linear = layers * (attention + mlp);
  const other = layers * (2 * hiddenSize + router + biases) + hiddenSize;
  return { embedding, head: embedding, linear, other, total: linear + other + embedding * (shape.isTied ? 1 : 2) };
}
