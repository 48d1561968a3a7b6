"""int8_sq (W8A8_SQ_PER_CHANNEL): int8 weights with one scale an output channel, int8 activations with one static scale.

SmoothQuant, Xiao et al. 2022 (arXiv 2211.10438): what makes activations hard to round, a few large channels, is moved
into the weights before either is rounded. As in NVIDIA ModelOpt, whose migration strength (alpha) is 1: each channel
is divided by its calibrated maximum, so that all have the same range, and the weights take up the rest.
"""

from collections.abc import Callable, Mapping

import numpy as np

from trtllm_cpu.checkpoint.config import CheckpointConfig, Quantization
from trtllm_cpu.checkpoint.dtypes import cast
from trtllm_cpu.engine.weights import Int8Weights
from trtllm_cpu.hub_model import LlamaShape
from trtllm_cpu.quantization.format import Calibration, Format, QuantizeOptions
from trtllm_cpu.quantization.rounding import INT8, round_blocks

_LARGEST = 127
_FACTORS = (1e-4, 1e4)
"""The least and the largest factor of a channel, ModelOpt's."""


def _quantization(_shape: LlamaShape, _options: QuantizeOptions) -> Quantization:
    return Quantization(quant_algo="W8A8_SQ_PER_CHANNEL", exclude_modules=["lm_head"])


def _quantize(
    linears: Mapping[str, np.ndarray], calibration: Calibration | None, options: QuantizeOptions
) -> dict[str, np.ndarray]:
    assert calibration is not None
    magnitude = calibration.largest_magnitude
    # A channel that calibration found silent is left as it is.
    stored = cast(np.clip(1 / np.where(magnitude > 0, magnitude, 1), *_FACTORS), options.dtype)
    # Rounded as it is stored, before the weights are divided by it.
    factor = stored.astype(np.float32)
    input_scale = np.array([(magnitude * factor).max() or 1], np.float32) / _LARGEST
    tensors = {}
    for name, rows in linears.items():
        values, scales = round_blocks(rows.astype(np.float32) / factor, rows.shape[1], _LARGEST, INT8)
        tensors[f"{name}.weight"] = values
        tensors[f"{name}.weights_scaling_factor"] = scales[:, 0]
        tensors[f"{name}.activation_scaling_factor"] = input_scale
        tensors[f"{name}.prequant_scaling_factor"] = stored
    return tensors


def _tensors(shape: tuple[int, int], config: CheckpointConfig) -> dict[str, tuple[tuple[int, ...], str]]:
    outputs, inputs = shape
    return {
        "weight": (shape, "int8"),
        "weights_scaling_factor": ((outputs,), "float32"),
        "activation_scaling_factor": ((1,), "float32"),
        "prequant_scaling_factor": ((inputs,), config.dtype),
    }


def _load(read: Callable[[str], np.ndarray], _config: CheckpointConfig) -> Int8Weights:
    return Int8Weights(
        values=read("weight").view(np.int8),
        scales=read("weights_scaling_factor").astype(np.float32),
        input_scale=read("activation_scaling_factor").astype(np.float32).reshape(1),
        input_factor=read("prequant_scaling_factor").astype(np.float32),
    )


INT8_SMOOTHQUANT = Format(
    qformat="int8_sq",
    quant_algo="W8A8_SQ_PER_CHANNEL",
    maximum_calibration_size=None,
    quantization=_quantization,
    quantize=_quantize,
    tensors=_tensors,
    load=_load,
    repack=True,
)
