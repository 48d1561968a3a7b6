/** config.json of models that the seed of many a pipeline is, as their publishers have them. */
export const smol135 = {
  architectures: ['LlamaForCausalLM'],
  hidden_size: 576,
  intermediate_size: 1536,
  num_hidden_layers: 30,
  num_attention_heads: 9,
  num_key_value_heads: 3,
  vocab_size: 49152,
  max_position_embeddings: 8192,
  tie_word_embeddings: true,
  rope_scaling: null,
};

export const llama2With13b = {
  architectures: ['LlamaForCausalLM'],
  hidden_size: 5120,
  intermediate_size: 13824,
  num_hidden_layers: 40,
  num_attention_heads: 40,
  num_key_value_heads: 40,
  vocab_size: 32000,
  max_position_embeddings: 4096,
};

export const qwen2With7b = {
  architectures: ['Qwen2ForCausalLM'],
  hidden_size: 3584,
  intermediate_size: 18944,
  num_hidden_layers: 28,
  num_attention_heads: 28,
  num_key_value_heads: 4,
  vocab_size: 152064,
  max_position_embeddings: 131072,
};

export const qwen2With72b = {
  architectures: ['Qwen2ForCausalLM'],
  hidden_size: 8192,
  intermediate_size: 29568,
  num_hidden_layers: 80,
  num_attention_heads: 64,
  num_key_value_heads: 8,
  vocab_size: 152064,
  max_position_embeddings: 32768,
};

export const mixtral8x7b = {
  architectures: ['MixtralForCausalLM'],
  hidden_size: 4096,
  intermediate_size: 14336,
  num_hidden_layers: 32,
  num_attention_heads: 32,
  num_key_value_heads: 8,
  num_local_experts: 8,
  vocab_size: 32000,
  max_position_embeddings: 32768,
};
