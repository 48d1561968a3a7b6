"""Names and shapes of a Llama checkpoint's tensors, TensorRT-LLM's way."""

import re
from dataclasses import dataclass

import numpy as np

from trtllm_cpu.checkpoint.config import CheckpointConfig
from trtllm_cpu.engine.shard import Shard, whole_model
from trtllm_cpu.hub_model import HubModel

EMBEDDING = "transformer.vocab_embedding.weight"
FINAL_NORM = "transformer.ln_f.weight"
LM_HEAD = "lm_head.weight"

_LAYER = re.compile(r"^transformer\.layers\.(\d+)\.")


def layer_prefix(layer: int) -> str:
    """The name that a decoder layer's tensors start with."""
    return f"transformer.layers.{layer}"


def stored_name(name: str, shard: Shard) -> str:
    """A tensor's name in the shard's file. As upstream's, a file counts its layers from the first of its stage."""
    return _LAYER.sub(lambda found: f"{layer_prefix(int(found[1]) - shard.layers.start)}.", name)


def key_value_scale_name(layer: int) -> str:
    """The name of the scale [1] float32 of a layer's cache, in checkpoints whose cache is quantized."""
    return f"{layer_prefix(layer)}.attention.kv_cache_scaling_factor"


@dataclass(frozen=True)
class Linear:
    """One linear of a decoder layer. `sources` are its Hugging Face tensors, joined by rows.

    Linears with the same `input` read the same activation. TensorRT-LLM's Llama calls gate_proj `fc` and up_proj
    `gate`: its GatedMLP computes proj(act(fc(x)) * gate(x)).
    """

    name: str
    sources: tuple[str, ...]
    input: str


LINEARS = (
    Linear("attention.qkv", ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"), "attention_input"),
    Linear("attention.dense", ("self_attn.o_proj",), "attention_output"),
    Linear("mlp.fc", ("mlp.gate_proj",), "mlp_input"),
    Linear("mlp.gate", ("mlp.up_proj",), "mlp_input"),
    Linear("mlp.proj", ("mlp.down_proj",), "mlp_hidden"),
)


def linear_shape(config: CheckpointConfig, name: str, shard: Shard | None = None) -> tuple[int, int]:
    """(output rows, input columns) of a linear, whole or the part that a shard has."""
    shard = shard or whole_model(config)
    query = shard.heads * config.head_size
    key_value = shard.key_value_heads * config.head_size
    hidden, intermediate = config.hidden_size, shard.intermediate_size
    return {
        "attention.qkv": (query + 2 * key_value, hidden),
        "attention.dense": (hidden, query),
        "mlp.fc": (intermediate, hidden),
        "mlp.gate": (intermediate, hidden),
        "mlp.proj": (hidden, intermediate),
    }[name]


def plain_shapes(config: CheckpointConfig, shard: Shard) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a shard's tensors that no format quantizes; all are stored in the checkpoint's dtype."""
    hidden = (config.hidden_size,)
    shapes: dict[str, tuple[int, ...]] = {}
    if shard.is_first_stage:
        shapes[EMBEDDING] = _embedding_shape(config, shard)
    if shard.is_last_stage:
        shapes[FINAL_NORM] = hidden
        if not config.share_embedding_table:
            shapes[LM_HEAD] = (vocabulary_rows(config, shard), config.hidden_size)
    for layer in shard.layers:
        shapes[f"{layer_prefix(layer)}.input_layernorm.weight"] = hidden
        shapes[f"{layer_prefix(layer)}.post_layernorm.weight"] = hidden
    return shapes


def vocabulary_rows(config: CheckpointConfig, shard: Shard) -> int:
    """Rows of the vocabulary on each tensor parallel rank: as many on each, zeros after the last token."""
    return -(-config.vocab_size // shard.tensor_size)


def _embedding_shape(config: CheckpointConfig, shard: Shard) -> tuple[int, int]:
    if not config.use_parallel_embedding:
        return (config.vocab_size, config.hidden_size)
    if config.embedding_sharding_dim == 1:
        return (config.vocab_size, config.hidden_size // shard.tensor_size)
    return (vocabulary_rows(config, shard), config.hidden_size)


def read_linear(model: HubModel, layer: int, linear: Linear) -> np.ndarray:
    """A linear's rows [outputs, inputs] from a Hugging Face model, in its files' dtype."""
    parts = [model.read(f"model.layers.{layer}.{source}.weight") for source in linear.sources]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def read_plain(model: HubModel, name: str) -> np.ndarray:
    """An unquantized tensor, asked for by its checkpoint name, from a Hugging Face model."""
    fixed = {EMBEDDING: "model.embed_tokens.weight", FINAL_NORM: "model.norm.weight", LM_HEAD: "lm_head.weight"}
    if name in fixed:
        return model.read(fixed[name])
    renamed = name.replace("transformer.layers.", "model.layers.")
    return model.read(renamed.replace("post_layernorm", "post_attention_layernorm"))
