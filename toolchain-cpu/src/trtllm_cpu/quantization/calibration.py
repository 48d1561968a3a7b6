"""Runs calibration texts through a Hugging Face model, one decoder layer at a time.

Only one layer's float32 weights are in memory, whatever the model's size; what is carried from layer to layer is each
text's hidden state.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import onnxruntime
from onnx import TensorProto

from trtllm_cpu.checkpoint.config import CheckpointConfig
from trtllm_cpu.checkpoint.layout import LINEARS
from trtllm_cpu.engine.graph import Graph, store_inline
from trtllm_cpu.engine.kv_cache import FLOAT32_CACHE
from trtllm_cpu.engine.llama import attention_block, attention_inputs, mlp_block
from trtllm_cpu.engine.session import session_options
from trtllm_cpu.engine.shard import Shard, whole_model
from trtllm_cpu.engine.source import hub_source
from trtllm_cpu.hub_model import HubModel
from trtllm_cpu.quantization.format import Calibration, LayerCalibration

_ROWS = 256
"""Activation rows kept for a search: enough to rank scalings, little enough that the search takes seconds a layer."""

_INPUTS = tuple(dict.fromkeys(linear.input for linear in LINEARS))


def calibrate_layers(
    model: HubModel, config: CheckpointConfig, texts: list[list[int]], on_text: Callable[[int, int], None]
) -> Iterator[LayerCalibration]:
    """For each layer in turn, what it computes over `texts` (token ids) before anything is quantized.

    `on_text(layer, text)` is told each text that has passed a layer.
    """
    table = model.read("model.embed_tokens.weight")
    branches = [table[tokens].astype(np.float32)[None] for tokens in texts]
    residuals = [np.zeros_like(branch) for branch in branches]
    longest = max(map(len, texts))
    stride = -(-sum(map(len, texts)) // _ROWS)
    shard = replace(whole_model(config), key_value_format=FLOAT32_CACHE)
    for layer in range(config.num_hidden_layers):
        session = _layer_session(model, shard, config.rotary_base, layer, longest)
        cached = [f"present_{kind}_{layer}" for kind in ("key", "value")]
        seen: dict[str, list[np.ndarray]] = {name: [] for name in _INPUTS}
        largest_key_or_value = 0.0
        for index, tokens in enumerate(texts):
            feeds = _feeds(branches[index], residuals[index], shard, layer, len(tokens))
            found = session.run(["branch", "residual", *cached, *_INPUTS], feeds)
            branches[index], residuals[index], keys, values, *activations = found
            largest_key_or_value = max(largest_key_or_value, *(float(np.abs(kept).max()) for kept in (keys, values)))
            for name, activation in zip(_INPUTS, activations, strict=True):
                seen[name].append(activation[0])
            on_text(layer, index)
        inputs = {name: _measure(np.concatenate(rows), stride) for name, rows in seen.items()}
        yield LayerCalibration(inputs, largest_key_or_value)


def _measure(activations: np.ndarray, stride: int) -> Calibration:
    magnitudes = np.abs(activations)
    return Calibration(
        largest_magnitude=magnitudes.max(axis=0),
        mean_magnitude=magnitudes.mean(axis=0),
        rows=np.ascontiguousarray(activations[::stride]),
    )


def _layer_session(
    model: HubModel, shard: Shard, base: float, layer: int, positions: int
) -> onnxruntime.InferenceSession:
    graph = Graph(store_inline)
    hidden = ["batch", "tokens", "hidden"]
    branch = graph.input("input_branch", TensorProto.FLOAT, hidden)
    residual = graph.input("input_residual", TensorProto.FLOAT, hidden)
    weights = hub_source(model, "float32").layer(layer)
    inputs = attention_inputs(graph, shard, base, positions, branch)
    attention = attention_block(graph, layer, shard, weights, inputs, branch, residual)
    mlp = mlp_block(graph, layer, shard, weights, attention.branch, attention.residual)
    named = {"branch": mlp.branch, "residual": mlp.residual, **attention.linear_inputs, **mlp.linear_inputs}
    for name, value in named.items():
        graph.output(graph.node("Identity", [value], [name]), TensorProto.FLOAT, ["batch", "tokens", f"{name}_width"])
    return onnxruntime.InferenceSession(
        graph.model().SerializeToString(), session_options(None), providers=["CPUExecutionProvider"]
    )


def _feeds(branch: np.ndarray, residual: np.ndarray, shard: Shard, layer: int, tokens: int) -> dict[str, np.ndarray]:
    empty = np.zeros((1, shard.key_value_heads, tokens, shard.head_size), np.float32)
    return {
        "input_branch": branch,
        "input_residual": residual,
        "last_positions": np.array([tokens - 1], np.int32),
        "total_length": np.array(tokens, np.int32),
        f"past_key_{layer}": empty,
        f"past_value_{layer}": empty,
    }
