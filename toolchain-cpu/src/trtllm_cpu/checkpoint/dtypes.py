"""The dtypes that unquantized weights are stored in."""

import numpy as np

from trtllm_cpu.errors import ToolchainError
from trtllm_cpu.tensor_file import DTYPES

_NUMPY = {dtype.name: dtype for dtype in DTYPES.values()}


def cast(array: np.ndarray, dtype: str) -> np.ndarray:
    """The array as a checkpoint dtype (float16, bfloat16, float32), contiguous; no copy where it already is.

    Errors: ToolchainError where float16 cannot hold a value.
    """
    converted = np.ascontiguousarray(array.astype(_NUMPY[dtype], copy=False))
    if dtype == "float16" and array.dtype != converted.dtype and not np.isfinite(converted).all():
        raise ToolchainError("the model has weights beyond float16's range; use --dtype bfloat16 or float32")
    return converted
