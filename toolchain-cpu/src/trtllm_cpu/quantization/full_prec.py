"""full_prec: the weights in the checkpoint's dtype, nothing quantized."""

from collections.abc import Callable, Mapping

import numpy as np

from trtllm_cpu.checkpoint.config import CheckpointConfig, Quantization
from trtllm_cpu.checkpoint.dtypes import cast
from trtllm_cpu.engine.weights import DenseWeights
from trtllm_cpu.hub_model import LlamaShape
from trtllm_cpu.quantization.format import Calibration, Format, QuantizeOptions


def keep_weights(
    linears: Mapping[str, np.ndarray], _calibration: Calibration | None, options: QuantizeOptions
) -> dict[str, np.ndarray]:
    """The linears' rows, cast to the checkpoint's dtype."""
    return {f"{name}.weight": cast(rows, options.dtype) for name, rows in linears.items()}


def plain_tensors(shape: tuple[int, int], config: CheckpointConfig) -> dict[str, tuple[tuple[int, ...], str]]:
    """One tensor a linear: its rows."""
    return {"weight": (shape, config.dtype)}


def _quantization(_shape: LlamaShape, _options: QuantizeOptions) -> Quantization:
    return Quantization()


def _load(read: Callable[[str], np.ndarray], _config: CheckpointConfig) -> DenseWeights:
    return DenseWeights(read("weight").astype(np.float32))


FULL_PRECISION = Format(
    qformat="full_prec",
    quant_algo=None,
    maximum_calibration_size=0,
    quantization=_quantization,
    quantize=keep_weights,
    tensors=plain_tensors,
    load=_load,
    repack=False,
)
