"""The table of quantization formats. A new format is one file and one row."""

from trtllm_cpu.errors import ToolchainError
from trtllm_cpu.quantization.format import Format
from trtllm_cpu.quantization.fp8 import FP8
from trtllm_cpu.quantization.full_prec import FULL_PRECISION
from trtllm_cpu.quantization.int4_awq import INT4_AWQ
from trtllm_cpu.quantization.int4_wo import INT4_WEIGHT_ONLY
from trtllm_cpu.quantization.int8_sq import INT8_SMOOTHQUANT
from trtllm_cpu.quantization.int8_wo import INT8_WEIGHT_ONLY

FORMATS = (FULL_PRECISION, FP8, INT8_SMOOTHQUANT, INT8_WEIGHT_ONLY, INT4_WEIGHT_ONLY, INT4_AWQ)

_W4A8_AWQ = (
    "it multiplies weights that are rounded to int4 and then to FP8 with FP8 activations, which no CPU kernel does; "
    "nearest is int4_awq, int4 weights of the same search with activations as they are"
)
_REASONS = {"w4a8_awq": _W4A8_AWQ, "W4A8_AWQ": _W4A8_AWQ}
"""Why a format of the release is none of the rows, by --qformat and by quant_algo."""


def format_of_qformat(qformat: str) -> Format:
    """The row for a --qformat value. Errors: ToolchainError listing the supported ones."""
    for row in FORMATS:
        if row.qformat == qformat:
            return row
    supported = ", ".join(row.qformat for row in FORMATS)
    raise ToolchainError(f"--qformat {qformat} is not supported{_reason(qformat)}; supported: {supported}")


def format_of_algorithm(quant_algo: str | None, where: str) -> Format:
    """The row for a checkpoint's quant_algo. Errors: ToolchainError naming `where` and the supported ones."""
    for row in FORMATS:
        if row.quant_algo == quant_algo:
            return row
    supported = ", ".join(str(row.quant_algo or "null") for row in FORMATS)
    raise ToolchainError(
        f"{where}: quantization.quant_algo is {quant_algo}{_reason(quant_algo)}; supported: {supported}"
    )


def _reason(name: str | None) -> str:
    return f": {_REASONS[name]}" if name in _REASONS else ""
