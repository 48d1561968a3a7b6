"""An independent Llama in numpy, straight from the Hugging Face tensors: what the engines are compared with."""

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file


def numpy_logits(directory: Path, token_ids: list[int], changed: dict[str, np.ndarray] | None = None) -> np.ndarray:
    """Logits [len(token_ids), vocab] float64 after each token; `changed` replaces weights by their name."""
    config = json.loads((directory / "config.json").read_text())
    weights = {name: value.astype(np.float64) for name, value in load_file(directory / "model.safetensors").items()}
    weights |= changed or {}
    heads, kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
    size = config["hidden_size"] // heads
    hidden = weights["model.embed_tokens.weight"][token_ids]
    for layer in range(config["num_hidden_layers"]):
        part = {n.split(f"layers.{layer}.")[1]: w for n, w in weights.items() if f"layers.{layer}." in n}
        value = norm(hidden, part["input_layernorm.weight"], config["rms_norm_eps"])
        query = split(value @ part["self_attn.q_proj.weight"].T, heads)
        key = split(value @ part["self_attn.k_proj.weight"].T, kv_heads).repeat(heads // kv_heads, axis=0)
        content = split(value @ part["self_attn.v_proj.weight"].T, kv_heads).repeat(heads // kv_heads, axis=0)
        scores = rotate(query, config["rope_theta"]) @ rotate(key, config["rope_theta"]).transpose(0, 2, 1)
        scores = scores / np.sqrt(size) + np.triu(np.full((len(token_ids),) * 2, -np.inf), 1)
        attention = np.exp(scores - scores.max(-1, keepdims=True))
        attended = (attention / attention.sum(-1, keepdims=True)) @ content
        hidden = hidden + attended.transpose(1, 0, 2).reshape(len(token_ids), -1) @ part["self_attn.o_proj.weight"].T
        value = norm(hidden, part["post_attention_layernorm.weight"], config["rms_norm_eps"])
        gate = value @ part["mlp.gate_proj.weight"].T
        inner = gate / (1 + np.exp(-gate)) * (value @ part["mlp.up_proj.weight"].T)
        hidden = hidden + inner @ part["mlp.down_proj.weight"].T
    return norm(hidden, weights["model.norm.weight"], config["rms_norm_eps"]) @ weights["model.embed_tokens.weight"].T


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
