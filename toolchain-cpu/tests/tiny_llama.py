"""Random Llamas on disk, small enough to quantize, build and serve within a test."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file


def write_llama(directory: Path, never: int | None = None, **shape: Any) -> None:
    """Writes config.json and model.safetensors of a random float16 Llama; `shape` is what config.json says besides.

    Weights keep the scale of what flows through them. The token `never` is not chosen: its logit is always 0 (it needs
    a model with an lm_head of its own).
    """
    config = {
        "architectures": ["LlamaForCausalLM"],
        "attention_bias": False,
        "hidden_act": "silu",
        "model_type": "llama",
        "rms_norm_eps": 1e-5,
        "rope_scaling": None,
        "rope_theta": 10000.0,
        "tie_word_embeddings": True,
        **shape,
    }
    tensors = random_tensors(config, np.random.default_rng(7))
    if never is not None:
        tensors["lm_head.weight"][never] = 0
    save_file(tensors, directory / "model.safetensors")
    (directory / "config.json").write_text(json.dumps(config))
    return tensors


def random_tensors(config: dict[str, Any], random: np.random.Generator) -> dict[str, np.ndarray]:
    """All tensors of the model that `config` describes, under their Hugging Face names."""
    hidden, intermediate = config["hidden_size"], config["intermediate_size"]
    key_value = hidden // config["num_attention_heads"] * config["num_key_value_heads"]

    def matrix(rows: int, columns: int) -> np.ndarray:
        return (random.normal(size=(rows, columns)) / np.sqrt(columns)).astype(np.float16)

    def gains() -> np.ndarray:
        return random.uniform(0.5, 1.5, hidden).astype(np.float16)

    tensors = {"model.embed_tokens.weight": matrix(config["vocab_size"], hidden) * np.float16(4)}
    tensors["model.norm.weight"] = gains()
    if not config["tie_word_embeddings"]:
        tensors["lm_head.weight"] = matrix(config["vocab_size"], hidden)
    for layer in range(config["num_hidden_layers"]):
        prefix = f"model.layers.{layer}"
        tensors |= {
            f"{prefix}.input_layernorm.weight": gains(),
            f"{prefix}.post_attention_layernorm.weight": gains(),
            f"{prefix}.self_attn.q_proj.weight": matrix(hidden, hidden),
            f"{prefix}.self_attn.k_proj.weight": matrix(key_value, hidden),
            f"{prefix}.self_attn.v_proj.weight": matrix(key_value, hidden),
            f"{prefix}.self_attn.o_proj.weight": matrix(hidden, hidden),
            f"{prefix}.mlp.gate_proj.weight": matrix(intermediate, hidden),
            f"{prefix}.mlp.up_proj.weight": matrix(intermediate, hidden),
            f"{prefix}.mlp.down_proj.weight": matrix(hidden, intermediate),
        }
    return tensors
