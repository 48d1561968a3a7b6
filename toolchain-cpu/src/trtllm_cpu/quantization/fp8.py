"""fp8: e4m3 weights with one scale a tensor, and calibrated activation scales."""

from collections.abc import Callable, Mapping

import ml_dtypes
import numpy as np

from trtllm_cpu.checkpoint.config import CheckpointConfig, Quantization
from trtllm_cpu.engine.weights import DenseWeights
from trtllm_cpu.hub_model import LlamaShape
from trtllm_cpu.quantization.format import Calibration, Format, QuantizeOptions
from trtllm_cpu.quantization.rounding import E4M3_MAXIMUM


def _quantization(_shape: LlamaShape, _options: QuantizeOptions) -> Quantization:
    return Quantization(quant_algo="FP8", exclude_modules=["lm_head"])


def _quantize(
    linears: Mapping[str, np.ndarray], calibration: Calibration | None, _options: QuantizeOptions
) -> dict[str, np.ndarray]:
    assert calibration is not None
    tensors = {}
    for name, rows in linears.items():
        scale = _scale(np.abs(rows).max())
        tensors[f"{name}.weight"] = (rows.astype(np.float32) / scale).astype(ml_dtypes.float8_e4m3fn)
        tensors[f"{name}.weights_scaling_factor"] = scale
        tensors[f"{name}.activation_scaling_factor"] = _scale(calibration.largest_magnitude.max())
    return tensors


def _scale(absolute_maximum: float) -> np.ndarray:
    return np.array([absolute_maximum or 1], np.float32) / E4M3_MAXIMUM


def _tensors(shape: tuple[int, int], _config: CheckpointConfig) -> dict[str, tuple[tuple[int, ...], str]]:
    return {
        "weight": (shape, "float8_e4m3fn"),
        "weights_scaling_factor": ((1,), "float32"),
        "activation_scaling_factor": ((1,), "float32"),
    }


def _load(read: Callable[[str], np.ndarray], _config: CheckpointConfig) -> DenseWeights:
    # ONNX Runtime's CPU has no FP8 matmul: the rounded weights run as float32, activations stay unrounded.
    rows = read("weight").view(ml_dtypes.float8_e4m3fn).astype(np.float32)
    return DenseWeights(rows * read("weights_scaling_factor").astype(np.float32))


FP8 = Format(
    qformat="fp8",
    quant_algo="FP8",
    maximum_calibration_size=None,
    quantization=_quantization,
    quantize=_quantize,
    tensors=_tensors,
    load=_load,
    repack=False,
)
