"""Linears of rounded weights, as the engine runs them, against integer arithmetic."""

import numpy as np
import pytest
from graphs import run_graph
from onnx import TensorProto

from trtllm_cpu.engine.graph import Graph, store_inline
from trtllm_cpu.engine.linear import linear
from trtllm_cpu.engine.weights import Int4Weights, Int8Weights, LinearWeights

OUTPUTS, INPUTS = 24, 64
INPUT_SCALE = np.array([0.05], np.float32)


@pytest.fixture
def weights() -> Int8Weights:
    random = np.random.default_rng(3)
    return Int8Weights(
        values=random.integers(-128, 128, (OUTPUTS, INPUTS)).astype(np.int8),
        scales=random.uniform(0.01, 0.1, OUTPUTS).astype(np.float32),
        input_scale=INPUT_SCALE,
        input_factor=random.uniform(0.5, 2, INPUTS).astype(np.float32),
    )


def applied(weights: LinearWeights, value: np.ndarray) -> np.ndarray:
    graph = Graph(store_inline)
    found = linear(graph, graph.input("value", TensorProto.FLOAT, ["tokens", INPUTS]), "x", weights)
    graph.output(found, TensorProto.FLOAT, ["tokens", OUTPUTS])
    return run_graph(graph, value=value)[0]


def test_an_int8_linear_multiplies_exactly_the_integers_that_its_scales_give(weights):
    value = np.random.default_rng(4).normal(size=(9, INPUTS)).astype(np.float32) * 3
    rounded = np.clip(np.rint(value * weights.input_factor / INPUT_SCALE), -128, 127).astype(np.int64)
    assert (np.abs(rounded) > 120).any()
    expected = (rounded @ weights.values.T.astype(np.int64)).astype(np.float32) * (weights.scales * INPUT_SCALE)
    np.testing.assert_allclose(applied(weights, value), expected, rtol=1e-6)


def test_its_activations_saturate_at_the_ends_of_int8(weights):
    ends = np.array([127, -128], np.float32)[:, None] * INPUT_SCALE / weights.input_factor
    assert np.array_equal(applied(weights, ends * 50), applied(weights, ends))


@pytest.mark.parametrize(("scales", "block_size"), [(INPUTS // 16, 16), (INPUTS // 32, 32), (1, 64)])
def test_an_int4_linear_multiplies_exactly_its_values_with_activations_rounded_to_int8_in_blocks(scales, block_size):
    """A single scale a channel is repeated over blocks of 64."""
    random = np.random.default_rng(5)
    weights = Int4Weights(
        values=random.integers(-8, 8, (OUTPUTS, INPUTS)).astype(np.int8),
        scales=random.uniform(0.01, 0.1, (OUTPUTS, scales)).astype(np.float32),
        input_factor=random.uniform(0.5, 2, INPUTS).astype(np.float32),
    )
    value = random.normal(size=(9, INPUTS)).astype(np.float32)
    blocks = (value * weights.input_factor).reshape(9, -1, block_size)
    steps = np.abs(blocks).max(axis=2, keepdims=True) / np.float32(127)
    rounded = (np.rint(blocks / steps) * steps).reshape(value.shape)
    rows = weights.values * np.repeat(weights.scales, INPUTS // scales, axis=1)
    for tokens in (1, 9):
        np.testing.assert_allclose(applied(weights, value[:tokens]), rounded[:tokens] @ rows.T, rtol=1e-4, atol=1e-5)
