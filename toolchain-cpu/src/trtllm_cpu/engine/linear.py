"""A linear as ONNX nodes, by the kind of its weights."""

import numpy as np

from trtllm_cpu.engine.graph import CONTRIB, Graph
from trtllm_cpu.engine.weights import DenseWeights, Int4Weights, Int8Weights, LinearWeights

ACCURACY_LEVEL = 4
"""MatMulNBits' kernel. 4 rounds activations to int8, each block by its maximum / 127, as llama.cpp does, too; 1 would
leave them as they are, as W4A16 means, and take a third longer for a token and half as long again for eight at once."""

REPEATED_SCALE_BLOCK = 64
"""Inputs that share an activation's scale where weights have one a channel. 32 would round activations less (a KL
divergence of 0.003 instead of 0.006, beside 0.8 from the weights), and take a sixth longer for eight sequences."""

INT8_ZERO = 128
"""What stands for 0 where int8 values are kept as uint8."""


def linear(graph: Graph, value: str, name: str, weights: LinearWeights) -> str:
    """value [..., K] → [..., N]."""
    if isinstance(weights, DenseWeights):
        return graph.node("MatMul", [value, graph.weight(f"{name}.weight", weights.rows.T)])
    if weights.input_factor is not None:
        value = graph.node("Mul", [value, graph.weight(f"{name}.input_factor", weights.input_factor)])
    if isinstance(weights, Int8Weights):
        return _int8_linear(graph, value, name, weights)
    return _int4_linear(graph, value, name, weights)


def _int8_linear(graph: Graph, value: str, name: str, weights: Int8Weights) -> str:
    # Both sides are shifted to uint8: where a CPU has no VNNI, ONNX Runtime's product of mixed signs saturates.
    zero = graph.weight(f"{name}.zero", np.array(INT8_ZERO, np.uint8))
    input_scale = graph.weight(f"{name}.input_scale", weights.input_scale.reshape(()))
    shifted = (weights.values.T.astype(np.int16) + INT8_ZERO).astype(np.uint8)
    rounded = graph.node("QuantizeLinear", [value, input_scale, zero])
    factors = [graph.weight(f"{name}.weight", shifted), input_scale, graph.weight(f"{name}.scales", weights.scales)]
    return graph.node("MatMulIntegerToFloat", [rounded, *factors, zero, zero], domain=CONTRIB)


def _int4_linear(graph: Graph, value: str, name: str, weights: Int4Weights) -> str:
    outputs, inputs = weights.values.shape
    block_size = inputs // weights.scales.shape[1]
    scales = weights.scales
    if block_size == inputs:
        # One scale a channel: MatMulNBits wants blocks, so the scale is repeated over them.
        block_size = REPEATED_SCALE_BLOCK
        scales = np.repeat(scales, -(-inputs // block_size), axis=1)
    blocks = scales.shape[1]
    padded = np.zeros((outputs, blocks * block_size), np.uint8)
    padded[:, :inputs] = weights.values + np.int8(8)
    packed = (padded[:, 0::2] | (padded[:, 1::2] << 4)).reshape(outputs, blocks, block_size // 2)
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
