"""An independent Llama in numpy, straight from the Hugging Face tensors: what the engines are compared with."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

Product = Callable[[str, np.ndarray, np.ndarray], np.ndarray]
"""(name of the weight, activations [tokens, K], rows [N, K]) → [tokens, N]."""

Keep = Callable[[int, np.ndarray], np.ndarray]
"""(layer, rotated keys or values [heads, tokens, size]) → what attention reads back from the cache."""


def plain_product(_name: str, value: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return value @ rows.T


def numpy_logits(
    directory: Path,
    token_ids: list[int],
    changed: dict[str, np.ndarray] | None = None,
    product: Product = plain_product,
    keep: Keep = lambda _layer, kept: kept,
) -> np.ndarray:
    """Logits [len(token_ids), vocab] float64 after each token; `changed` replaces weights by their name."""
    config = json.loads((directory / "config.json").read_text())
    weights = {name: value.astype(np.float64) for name, value in load_file(directory / "model.safetensors").items()}
    weights |= changed or {}
    heads, kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
    epsilon, base = config["rms_norm_eps"], config["rope_theta"]
    size = config["hidden_size"] // heads
    hidden = weights["model.embed_tokens.weight"][token_ids]
    for layer in range(config["num_hidden_layers"]):
        prefix = f"model.layers.{layer}"

        def apply(name: str, value: np.ndarray, prefix: str = prefix) -> np.ndarray:
            full = f"{prefix}.{name}_proj.weight"
            return product(full, value, weights[full])

        value = norm(hidden, weights[f"{prefix}.input_layernorm.weight"], epsilon)
        query = rotate(split(apply("self_attn.q", value), heads), base)
        key = keep(layer, rotate(split(apply("self_attn.k", value), kv_heads), base))
        content = keep(layer, split(apply("self_attn.v", value), kv_heads))
        key, content = (kept.repeat(heads // kv_heads, axis=0) for kept in (key, content))
        scores = query @ key.transpose(0, 2, 1) / np.sqrt(size) + np.triu(np.full((len(token_ids),) * 2, -np.inf), 1)
        attention = np.exp(scores - scores.max(-1, keepdims=True))
        attended = (attention / attention.sum(-1, keepdims=True)) @ content
        hidden = hidden + apply("self_attn.o", attended.transpose(1, 0, 2).reshape(len(token_ids), -1))
        value = norm(hidden, weights[f"{prefix}.post_attention_layernorm.weight"], epsilon)
        gate = apply("mlp.gate", value)
        hidden = hidden + apply("mlp.down", gate / (1 + np.exp(-gate)) * apply("mlp.up", value))
    head = weights.get("lm_head.weight", weights["model.embed_tokens.weight"])
    return norm(hidden, weights["model.norm.weight"], epsilon) @ head.T


def norm(value: np.ndarray, gains: np.ndarray, epsilon: float) -> np.ndarray:
    return value / np.sqrt(np.square(value).mean(-1, keepdims=True) + epsilon) * gains


def split(value: np.ndarray, heads: int) -> np.ndarray:
    return value.reshape(len(value), heads, -1).transpose(1, 0, 2)


def rotate(value: np.ndarray, base: float) -> np.ndarray:
    half = value.shape[-1] // 2
    angles = np.arange(value.shape[1])[:, None] / base ** (np.arange(half) / half)
    first, second = value[..., :half], value[..., half:]
    turned = (first * np.cos(angles) - second * np.sin(angles), second * np.cos(angles) + first * np.sin(angles))
    return np.concatenate(turned, axis=-1)
