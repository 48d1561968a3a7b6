"""Llama as ONNX, from functions that each build one part, so that ranks can hold some layers or some heads.

Between parts travel two values: `branch`, the last block's output before it is added (a partial sum on a tensor
parallel rank), and `residual`, what it will be added to. Each block starts by adding and normalizing both.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from onnx import TensorProto

from trtllm_cpu.checkpoint.layout import key_value_scale_name, layer_prefix
from trtllm_cpu.engine.graph import CONTRIB, Graph
from trtllm_cpu.engine.linear import linear
from trtllm_cpu.engine.shard import Shard
from trtllm_cpu.engine.weights import LinearWeights


@dataclass(frozen=True)
class AttentionInputs:
    """Names of the values that every layer's attention reads."""

    past_lengths: str
    total_length: str
    cosines: str
    sines: str
    positions: str | None
    """Each token's position [batch, tokens], where keys are rotated before the cache takes them."""


@dataclass(frozen=True)
class LayerWeights:
    """Where a layer's weights come from, by their checkpoint names without prefix and suffix."""

    norm: Callable[[str], np.ndarray]
    linear: Callable[[str], LinearWeights]
    key_value_scale: Callable[[], np.ndarray]
    """The scale [1] float32 of the layer's cache; asked for only where the cache's format has one."""


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


def attention_inputs(graph: Graph, shard: Shard, base: float, positions: int, step: str) -> AttentionInputs:
    """The lengths [batch] and the total length as graph inputs, and the rotary tables for that many positions.

    `step` is a value [batch, tokens, …] of the tokens that a step appends.
    """
    cosines, sines = rotary_tables(graph, shard.head_size, base, positions)
    last_positions = graph.input("last_positions", TensorProto.INT32, ["batch"])
    rotates = shard.key_value_format.rounded_to is not None
    return AttentionInputs(
        past_lengths=last_positions,
        total_length=graph.input("total_length", TensorProto.INT32, []),
        cosines=cosines,
        sines=sines,
        positions=token_positions(graph, step, last_positions) if rotates else None,
    )


def token_positions(graph: Graph, step: str, last_positions: str) -> str:
    """Positions [batch, tokens] of the tokens of a step, as GroupQueryAttention counts them.

    A sequence that is shorter than the step begins with it and is filled up at its end.
    """
    zero, one = (graph.node("Constant", [], value_int=value) for value in (0, 1))
    tokens = graph.node("Squeeze", [graph.node("Shape", [step], start=1, end=2)])
    lengths = graph.node("Add", [graph.node("Cast", [last_positions], to=TensorProto.INT64), one])
    first = graph.node("Max", [graph.node("Sub", [lengths, tokens]), zero])
    column = graph.node("Unsqueeze", [first, graph.node("Constant", [], value_ints=[1])])
    return graph.node("Add", [column, graph.node("Range", [zero, tokens, one])])


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


def attend(
    graph: Graph, projected: str, layer: int, shard: Shard, inputs: AttentionInputs, weights: LayerWeights
) -> str:
    """Grouped-query attention over the layer's cache; `projected` is [batch, tokens, q + k + v] of the shard's heads.

    Adds the graph inputs past_key_{layer}, past_value_{layer} and the outputs present_…, which a caller may bind to
    the same memory. Their type is that of the shard's key_value_format; attention reads what the cache holds, the
    step's own keys and values included.
    """
    kept_as = shard.key_value_format
    cache = ["batch", shard.key_value_heads, "capacity", shard.head_size]
    pasts = [graph.input(f"past_{kind}_{layer}", kept_as.element, cache) for kind in ("key", "value")]
    presents = [graph.output(f"present_{kind}_{layer}", kept_as.element, cache) for kind in ("key", "value")]
    step, tables = [projected, "", ""], [inputs.cosines, inputs.sines]
    if kept_as.rounded_to is not None:
        step, tables = _rotated_and_rounded(graph, projected, layer, shard, inputs), []
    scales, quantization = [], {}
    if kept_as.scaled:
        scale = graph.weight(key_value_scale_name(layer), weights.key_value_scale().reshape(1))
        # The scales come after position_ids, attention_bias and head_sink.
        scales = ["", "", "", scale, scale]
        quantization = {"k_quant_type": "PER_TENSOR", "v_quant_type": "PER_TENSOR", "kv_cache_bit_width": 8}
    return graph.node(
        "GroupQueryAttention",
        [*step, *pasts, inputs.past_lengths, inputs.total_length, *tables, *scales],
        [f"attended_{layer}", *presents],
        domain=CONTRIB,
        num_heads=shard.heads,
        kv_num_heads=shard.key_value_heads,
        do_rotary=int(bool(tables)),
        **quantization,
    )


def _rotated_and_rounded(graph: Graph, projected: str, layer: int, shard: Shard, inputs: AttentionInputs) -> list[str]:
    """Query, key and value [batch, tokens, …] from their joined projection: rotated, key and value rounded."""
    query, key_value = shard.heads * shard.head_size, shard.key_value_heads * shard.head_size
    widths = graph.node("Constant", [], value_ints=[query, key_value, key_value])
    parts = [f"{name}_{layer}" for name in ("query", "key", "value")]
    graph.node("Split", [projected, widths], parts, axis=-1)

    def rotate(value: str) -> str:
        tables = [inputs.positions, inputs.cosines, inputs.sines]
        return graph.node("RotaryEmbedding", [value, *tables], domain=CONTRIB)

    def round_off(value: str) -> str:
        # Beyond the type's range a cast saturates, as on a GPU.
        rounded = graph.node("Cast", [value], to=shard.key_value_format.rounded_to)
        return graph.node("Cast", [rounded], to=TensorProto.FLOAT)

    return [rotate(parts[0]), round_off(rotate(parts[1])), round_off(parts[2])]


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
    name = _norm(layer, "input_layernorm")
    weight = weights.norm("input_layernorm")
    attention_input, residual = add_and_normalize(graph, branch, residual, name, weight, shard)
    projected = _apply(graph, layer, "attention.qkv", weights, attention_input)
    attended = attend(graph, projected, layer, shard, inputs, weights)
    return LayerValues(
        branch=_apply(graph, layer, "attention.dense", weights, attended),
        residual=residual,
        linear_inputs={"attention_input": attention_input, "attention_output": attended},
    )


def mlp_block(graph: Graph, layer: int, shard: Shard, weights: LayerWeights, branch: str, residual: str) -> LayerValues:
    """The second half of a decoder layer. On a tensor parallel rank the branch is a partial sum."""
    name = _norm(layer, "post_layernorm")
    mlp_input, residual = add_and_normalize(graph, branch, residual, name, weights.norm("post_layernorm"), shard)
    fc, gate = (_apply(graph, layer, name, weights, mlp_input) for name in ("mlp.fc", "mlp.gate"))
    hidden = gated(graph, fc, gate)
    return LayerValues(
        branch=_apply(graph, layer, "mlp.proj", weights, hidden),
        residual=residual,
        linear_inputs={"mlp_input": mlp_input, "mlp_hidden": hidden},
    )


def _norm(layer: int, name: str) -> str:
    return f"{layer_prefix(layer)}.{name}.weight"


def _apply(graph: Graph, layer: int, name: str, weights: LayerWeights, value: str) -> str:
    return linear(graph, value, f"{layer_prefix(layer)}.{name}", weights.linear(name))
