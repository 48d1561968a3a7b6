"""The table of quantization formats. A new format is one file and one row."""

from trtllm_cpu.errors import ToolchainError
from trtllm_cpu.quantization.format import Format
from trtllm_cpu.quantization.fp8 import FP8
from trtllm_cpu.quantization.full_prec import FULL_PRECISION
from trtllm_cpu.quantization.int4_awq import INT4_AWQ
from trtllm_cpu.quantization.int4_wo import INT4_WEIGHT_ONLY
from trtllm_cpu.quantization.int8_wo import INT8_WEIGHT_ONLY

FORMATS = (FULL_PRECISION, FP8, INT8_WEIGHT_ONLY, INT4_WEIGHT_ONLY, INT4_AWQ)


def format_of_qformat(qformat: str) -> Format:
    """The row for a --qformat value. Errors: ToolchainError listing the supported ones."""
    for row in FORMATS:
        if row.qformat == qformat:
            return row
    raise ToolchainError(
        f"--qformat {qformat} is not supported; supported: {', '.join(row.qformat for row in FORMATS)}"
    )


def format_of_algorithm(quant_algo: str | None, where: str) -> Format:
    """The row for a checkpoint's quant_algo. Errors: ToolchainError naming `where` and the supported ones."""
    for row in FORMATS:
        if row.quant_algo == quant_algo:
            return row
    supported = ", ".join(str(row.quant_algo or "null") for row in FORMATS)
    raise ToolchainError(f"{where}: quantization.quant_algo is {quant_algo}; supported: {supported}")
