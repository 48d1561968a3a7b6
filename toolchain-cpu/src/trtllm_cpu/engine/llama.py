"""Llama as ONNX, from functions that each build one part, so that ranks can hold some layers or some heads.

Between parts travel two values: `branch`, the last block's output before it is added (a partial sum on a tensor
parallel rank), and `residual`, what it will be added to. Each block starts by adding and normalizing both.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from onnx import TensorProto

from trtllm_cpu.checkpoint.layout import layer_prefix
from trtllm_cpu.engine.graph import CONTRIB, Graph
from trtllm_cpu.engine.shard import Shard
from trtllm_cpu.engine.weights import DenseWeights, Int4Weights, LinearWeights

ACCURACY_LEVEL = 1
"""MatMulNBits' kernel: 1 leaves activations unrounded, as W4A16 means; 4 would make them int8 and gain a fifth."""


@dataclass(frozen=True)
class AttentionInputs:
    """Names of the values that every layer's attention reads."""

    past_lengths: str
    total_length: str
    cosines: str
    sines: str


@dataclass(frozen=True)
class LayerWeights:
    """Where a layer's weights come from, by their checkpoint names without prefix and suffix."""

    norm: Callable[[str], np.ndarray]
    linear: Callable[[str], LinearWeights]


@dataclass(frozen=True)
class LayerValues:
    """Names of what a layer made: what the next block reads, and what its linears read (by checkpoint `input`)."""

    branch: str
    residual: str
    linear_inputs: dict[str, str]


def rotary_tables(graph: Graph, head_size: int, base: float, positions: int) -> tuple[str, str]:
    """Cosines and sines [positions, head_size / 2] of plain rope."""
    frequencies = base ** -(np.arange(0, head_size, 2, dtype=np.float64) / head_size)
    angles = np.arange(positions, dtype=np.float64)[:, None] * frequencies
    return (
        graph.weight("rotary_cosines", np.cos(angles).astype(np.float32)),
        graph.weight("rotary_sines", np.sin(angles).astype(np.float32)),
    )


def attention_inputs(graph: Graph, shard: Shard, base: float, positions: int) -> AttentionInputs:
    """The lengths [batch] and the total length as graph inputs, and the rotary tables."""
    cosines, sines = rotary_tables(graph, shard.head_size, base, positions)
    return AttentionInputs(
        past_lengths=graph.input("last_positions", TensorProto.INT32, ["batch"]),
        total_length=graph.input("total_length", TensorProto.INT32, []),
        cosines=cosines,
        sines=sines,
    )


def linear(graph: Graph, value: str, name: str, weights: LinearWeights) -> str:
    """value [..., K] → [..., N]."""
    if isinstance(weights, DenseWeights):
        return graph.node("MatMul", [value, graph.weight(f"{name}.weight", weights.rows.T)])
    return _int4_linear(graph, value, name, weights)


def _int4_linear(graph: Graph, value: str, name: str, weights: Int4Weights) -> str:
    outputs, inputs = weights.values.shape
    block_size = inputs // weights.scales.shape[1]
    scales = weights.scales
    if block_size == inputs:
        # One scale a channel: MatMulNBits wants blocks, so the scale is repeated over them.
        block_size = 32
        scales = np.repeat(scales, -(-inputs // block_size), axis=1)
    blocks = scales.shape[1]
    padded = np.zeros((outputs, blocks * block_size), np.uint8)
    padded[:, :inputs] = weights.values + np.int8(8)
    packed = (padded[:, 0::2] | (padded[:, 1::2] << 4)).reshape(outputs, blocks, block_size // 2)
    if weights.input_factor is not None:
        value = graph.node("Mul", [value, graph.weight(f"{name}.input_factor", weights.input_factor)])
    return graph.node(
        "MatMulNBits",
        [value, graph.weight(f"{name}.weight", packed), graph.weight(f"{name}.scales", scales.reshape(-1))],
        domain=CONTRIB,
        K=inputs,
        N=outputs,
        bits=4,
        block_size=block_size,
        accuracy_level=ACCURACY_LEVEL,
    )


def add_and_normalize(
    graph: Graph, branch: str, residual: str | None, name: str, weight: np.ndarray, shard: Shard
) -> tuple[str, str]:
    """(normalized, residual + branch); without a residual the branch is the sum."""
    scale = graph.weight(name, weight)
    if residual is None:
        attributes = {"epsilon": shard.norm_epsilon, "axis": -1}
        return graph.node("SimplifiedLayerNormalization", [branch, scale], **attributes), branch
    total = f"{name}.residual"
    normalized = graph.node(
        "SkipSimplifiedLayerNormalization",
        [branch, residual, scale],
        [f"{name}.normalized", "", "", total],
        domain=CONTRIB,
        epsilon=shard.norm_epsilon,
    )
    return normalized, total


def attend(graph: Graph, projected: str, layer: int, shard: Shard, inputs: AttentionInputs) -> str:
    """Grouped-query attention over the layer's cache; `projected` is [batch, tokens, q + k + v] of the shard's heads.

    Adds the graph inputs past_key_{layer}, past_value_{layer} and the outputs present_…, which a caller may bind to
    the same memory.
    """
    cache = ["batch", shard.key_value_heads, "capacity", shard.head_size]
    pasts = [graph.input(f"past_{kind}_{layer}", TensorProto.FLOAT, cache) for kind in ("key", "value")]
    presents = [graph.output(f"present_{kind}_{layer}", TensorProto.FLOAT, cache) for kind in ("key", "value")]
    return graph.node(
        "GroupQueryAttention",
        [projected, "", "", *pasts, inputs.past_lengths, inputs.total_length, inputs.cosines, inputs.sines],
        [f"attended_{layer}", *presents],
        domain=CONTRIB,
        num_heads=shard.heads,
        kv_num_heads=shard.key_value_heads,
        do_rotary=1,
    )


def gated(graph: Graph, fc: str, gate: str) -> str:
    """silu(fc) * gate."""
    activated = graph.node("QuickGelu", [fc], domain=CONTRIB, alpha=1.0)
    return graph.node("Mul", [activated, gate])


def embed(graph: Graph, token_ids: str, table: str, transposed: bool = False) -> str:
    """token_ids [batch, tokens] → [batch, tokens, hidden]; `table` is [vocab, hidden], or transposed."""
    if not transposed:
        return graph.node("Gather", [table, token_ids], axis=0)
    return graph.node("Transpose", [graph.node("Gather", [table, token_ids], axis=1)], perm=[1, 2, 0])


def embed_own_tokens(graph: Graph, token_ids: str, table: str, transposed: bool, tokens: range) -> str:
    """As `embed`, for a table of some tokens of the vocabulary only: zeros for the others."""
    first = graph.constant("own_tokens_first", np.array(tokens.start, np.int64))
    end = graph.constant("own_tokens_end", np.array(tokens.stop, np.int64))
    own = graph.node("And", [graph.node("GreaterOrEqual", [token_ids, first]), graph.node("Less", [token_ids, end])])
    # A foreign token reads the first row, which is then taken out.
    rows = graph.node("Sub", [graph.node("Where", [own, token_ids, first]), first])
    mask = graph.node("Cast", [own], to=TensorProto.FLOAT)
    mask = graph.node("Unsqueeze", [mask, graph.constant("last_axis", np.array([-1], np.int64))])
    return graph.node("Mul", [embed(graph, rows, table, transposed), mask])


def embed_own_channels(graph: Graph, token_ids: str, table: str, channels: range, hidden_size: int) -> str:
    """As `embed`, for a table of some channels only: zeros in the others."""
    pads = np.array([0, 0, channels.start, 0, 0, hidden_size - channels.stop], np.int64)
    return graph.node("Pad", [embed(graph, token_ids, table), graph.constant("other_channels", pads)])


def choose_positions(graph: Graph, value: str) -> str:
    """value [batch, tokens, hidden] → [chosen, hidden], by the graph input logit_positions [chosen, 2]."""
    positions = graph.input("logit_positions", TensorProto.INT64, ["chosen", 2])
    return graph.node("GatherND", [value, positions])


def attention_block(
    graph: Graph,
    layer: int,
    shard: Shard,
    weights: LayerWeights,
    inputs: AttentionInputs,
    branch: str,
    residual: str | None,
) -> LayerValues:
    """The first half of a decoder layer. On a tensor parallel rank the branch is a partial sum."""
    prefix = layer_prefix(layer)

    def apply(value: str, name: str) -> str:
        return linear(graph, value, f"{prefix}.{name}", weights.linear(name))

    norm = "input_layernorm"
    name = f"{prefix}.{norm}.weight"
    attention_input, residual = add_and_normalize(graph, branch, residual, name, weights.norm(norm), shard)
    attended = attend(graph, apply(attention_input, "attention.qkv"), layer, shard, inputs)
    return LayerValues(
        branch=apply(attended, "attention.dense"),
        residual=residual,
        linear_inputs={"attention_input": attention_input, "attention_output": attended},
    )


def mlp_block(graph: Graph, layer: int, shard: Shard, weights: LayerWeights, branch: str, residual: str) -> LayerValues:
    """The second half of a decoder layer. On a tensor parallel rank the branch is a partial sum."""
    prefix = layer_prefix(layer)

    def apply(value: str, name: str) -> str:
        return linear(graph, value, f"{prefix}.{name}", weights.linear(name))

    norm = "post_layernorm"
    name = f"{prefix}.{norm}.weight"
    mlp_input, residual = add_and_normalize(graph, branch, residual, name, weights.norm(norm), shard)
    hidden = gated(graph, apply(mlp_input, "mlp.fc"), apply(mlp_input, "mlp.gate"))
    return LayerValues(
        branch=apply(hidden, "mlp.proj"),
        residual=residual,
        linear_inputs={"mlp_input": mlp_input, "mlp_hidden": hidden},
    )
