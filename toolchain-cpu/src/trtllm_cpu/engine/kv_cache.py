"""What the keys and values of earlier tokens are rounded to. A new format is one row."""

from dataclasses import dataclass

import numpy as np
from onnx import TensorProto

from trtllm_cpu.errors import ToolchainError
from trtllm_cpu.quantization.rounding import E4M3_MAXIMUM, INT8


@dataclass(frozen=True)
class KeyValueFormat:
    """How a cache keeps keys and values, and what attention does for it."""

    kv_cache_dtype: str | None
    """The value of quantize.py --kv_cache_dtype; None: the flag is not given."""

    quant_algo: str | None
    """quantization.kv_cache_quant_algo in config.json."""

    largest: int
    """What the greatest magnitude of a layer's keys and values is scaled to; 0: they are not scaled."""

    dtype: np.dtype
    """The numpy type of the cache's buffers."""

    element: int
    """The same as a TensorProto type."""

    scaled: bool = False
    """Whether attention divides by the layer's kv_cache_scaling_factor before it rounds."""

    rounded_to: int | None = None
    """The TensorProto type that keys and values are rounded to before a cache of another type takes them."""


FLOAT32_CACHE = KeyValueFormat(
    kv_cache_dtype=None,
    quant_algo=None,
    largest=0,
    dtype=np.dtype(np.float32),
    element=TensorProto.FLOAT,
)

INT8_CACHE = KeyValueFormat(
    kv_cache_dtype="int8",
    quant_algo="INT8",
    largest=INT8[1],
    dtype=np.dtype(np.int8),
    element=TensorProto.INT8,
    scaled=True,
)

# TensorRT-LLM sets the scale of an FP8 cache to 1 when it builds. ONNX Runtime's attention takes no FP8 cache on a CPU.
FP8_CACHE = KeyValueFormat(
    kv_cache_dtype="fp8",
    quant_algo="FP8",
    largest=int(E4M3_MAXIMUM),
    dtype=np.dtype(np.float32),
    element=TensorProto.FLOAT,
    rounded_to=TensorProto.FLOAT8E4M3FN,
)

KEY_VALUE_FORMATS = (FLOAT32_CACHE, INT8_CACHE, FP8_CACHE)


def key_value_format_of_flag(kv_cache_dtype: str | None) -> KeyValueFormat:
    """The row for a value that --kv_cache_dtype takes."""
    return next(row for row in KEY_VALUE_FORMATS if row.kv_cache_dtype == kv_cache_dtype)


def key_value_format_of_algorithm(quant_algo: str | None, where: str) -> KeyValueFormat:
    """The row for a checkpoint's kv_cache_quant_algo. Errors: ToolchainError naming `where` and the supported ones."""
    for row in KEY_VALUE_FORMATS:
        if row.quant_algo == quant_algo:
            return row
    supported = ", ".join(str(row.quant_algo or "null") for row in KEY_VALUE_FORMATS)
    raise ToolchainError(f"{where}: quantization.kv_cache_quant_algo is {quant_algo}; supported: {supported}")
