import * as z from 'zod';
import { EnginesmithFailure } from '../contracts/failures.js';

const size = z.int().positive();

/** What decides whether a toolchain has any use for the model, whatever its sizes are called. */
const identity = z.object({
  architectures: z.array(z.string()).nullish(),
  /** Present when the weights are quantized already. */
  quantization_config: z.object({ quant_method: z.string().nullish() }).nullish(),
});

/** Sizes as the configurations of the Llama family name them. */
const shape = z
  .object({
    hidden_size: size,
    intermediate_size: size,
    num_hidden_layers: size,
    num_attention_heads: size,
    num_key_value_heads: size.nullish(),
    head_dim: size.nullish(),
    vocab_size: size,
    max_position_embeddings: size.nullish(),
    rope_scaling: z
      .object({
        type: z.string().nullish(),
        rope_type: z.string().nullish(),
        factor: z.number().positive().nullish(),
        original_max_position_embeddings: size.nullish(),
      })
      .nullish(),
    attention_bias: z.boolean().nullish(),
    mlp_bias: z.boolean().nullish(),
    tie_word_embeddings: z.boolean().nullish(),
    num_local_experts: size.nullish(),
  })
  .transform((config) => {
    const ropeScaling = config.rope_scaling?.rope_type ?? config.rope_scaling?.type ?? 'default';
    // With yarn and llama3, max_position_embeddings is what scaling has already reached.
    const reached = ropeScaling === 'default' || config.rope_scaling?.original_max_position_embeddings != null;
    const positions = config.max_position_embeddings ?? null;
    return {
      hiddenSize: config.hidden_size,
      intermediateSize: config.intermediate_size,
      layers: config.num_hidden_layers,
      vocabulary: config.vocab_size,
      heads: config.num_attention_heads,
      keyValueHeads: config.num_key_value_heads ?? config.num_attention_heads,
      /** Of all heads together: what the attention's output projection reads. */
      attentionSize: (config.head_dim ?? config.hidden_size / config.num_attention_heads) * config.num_attention_heads,
      /** Of one head. */
      headSize: config.head_dim ?? config.hidden_size / config.num_attention_heads,
      /** Whether the output layer has the embedding's weights. */
      isTied: config.tie_word_embeddings === true,
      /** MLPs of a layer: 1 unless it is a mixture of experts. */
      experts: config.num_local_experts ?? 1,
      /** Positions that the model was made for, in tokens; null where it does not say. */
      positions: positions === null ? null : Math.floor(positions * (reached ? 1 : (config.rope_scaling?.factor ?? 1))),
      ropeScaling,
      hasBiases: config.attention_bias === true || config.mlp_bias === true,
    };
  });

export type ModelShape = z.output<typeof shape>;

/** What Enginesmith needs of a Hugging Face model's config.json. */
export interface ModelConfig {
  architectures: string[];
  /** How the weights are quantized already; null when they are not. */
  quantizedBy: string | null;
  /** Null with `shapeProblem` where sizes are missing or no sizes at all. */
  shape: ModelShape | null;
  shapeProblem: string | null;
}

/** The first Qwen names twice the width of its MLP: half of it is the gate's. */
const withMlpWidth = (sizes: ModelShape, architectures: readonly string[]): ModelShape =>
  architectures.includes('QWenLMHeadModel') ? { ...sizes, intermediateSize: sizes.intermediateSize / 2 } : sizes;

const MAXIMUM_PROBLEMS = 6;

const describe = (error: z.ZodError): string =>
  error.issues
    .slice(0, MAXIMUM_PROBLEMS)
    .map(({ path, message }) => `${path.join('.') || 'config.json'}: ${message}`)
    .join('; ');

/**
 * Reads a model's config.json. Sizes that are missing are no failure yet: another architecture may name them differently.
 * @param source what the message calls the model
 * @throws EnginesmithFailure `UnsupportedModel` when it is no JSON object
 */
export function parseModelConfig(text: string, source: string): ModelConfig {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw unusable(source, 'it is not JSON', cause);
  }
  const found = identity.safeParse(value);
  if (!found.success) throw unusable(source, describe(found.error), found.error);
  const { quantization_config: quantization } = found.data;
  const architectures = found.data.architectures ?? [];
  const sizes = shape.safeParse(value);
  return {
    architectures,
    quantizedBy: quantization == null ? null : (quantization.quant_method ?? 'an unknown method'),
    shape: sizes.success ? withMlpWidth(sizes.data, architectures) : null,
    shapeProblem: sizes.success ? null : describe(sizes.error),
  };
}

const unusable = (source: string, problem: string, cause: unknown): EnginesmithFailure =>
  new EnginesmithFailure(
    'UnsupportedModel',
    `The config.json of ${source} cannot be used: ${problem}. Name a repository or revision whose config.json is one of Transformers.`,
    { cause },
  );
