"""A linear's weights as the engine can run them.

Everything but int4, and int8 that meets int8 activations, runs as float32: ONNX Runtime's CPU kernels have neither FP8
nor (on x86) float16 matmuls, so 16-bit weights would be widened at every step. Storing them wide also lets the runtime
map the engine file without a private copy.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class DenseWeights:
    """`rows` [N, K] float32."""

    rows: np.ndarray


@dataclass(frozen=True)
class Int4Weights:
    """`values` [N, K] int8 in -8..7, `scales` [N, K / block] float32.

    `input_factor` [K] float32 multiplies the activations first, where given.
    """

    values: np.ndarray
    scales: np.ndarray
    input_factor: np.ndarray | None = None


@dataclass(frozen=True)
class Int8Weights:
    """`values` [N, K] int8, `scales` [N] float32, multiplied with activations that are rounded to int8 themselves.

    `input_factor` [K] float32 multiplies the activations first; their rounding has one scale, `input_scale` [1]
    float32, whatever their values, and clips at -128 and 127.
    """

    values: np.ndarray
    scales: np.ndarray
    input_scale: np.ndarray
    input_factor: np.ndarray | None = None


LinearWeights = DenseWeights | Int4Weights | Int8Weights
