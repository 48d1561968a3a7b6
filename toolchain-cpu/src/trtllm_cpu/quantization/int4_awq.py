"""int4_awq (W4A16_AWQ): int4 blocks after a per-channel scaling searched on calibration activations.

Activation-aware weight quantization, Lin et al. 2023 (arXiv 2306.00978): channels whose activations are large are
scaled up before rounding and down at run time. The search is over one exponent, as in the paper.
"""

from collections.abc import Callable, Mapping

import numpy as np

from trtllm_cpu.checkpoint.config import CheckpointConfig, Quantization
from trtllm_cpu.checkpoint.dtypes import cast
from trtllm_cpu.engine.weights import Int4Weights
from trtllm_cpu.errors import ToolchainError
from trtllm_cpu.hub_model import LlamaShape
from trtllm_cpu.quantization.format import Calibration, Format, QuantizeOptions
from trtllm_cpu.quantization.rounding import INT4, pack_output_rows, round_blocks, unpack_output_rows

_EXPONENTS = np.linspace(0, 1, 11, dtype=np.float32)
_LARGEST = 7
_LEGAL_BLOCK_SIZES = (16, 32, 64, 128, 256)
"""Powers of two from 16: what the engine's MatMulNBits runs."""


def check_block_size(shape: LlamaShape, block_size: int, tp_size: int) -> None:
    """Errors: ToolchainError, with the legal sizes, where a rank's linears are not whole blocks wide.

    Ranks share the inputs of attention.dense and mlp.proj; the other linears have all of theirs on each rank.
    """
    whole = {shape.hidden_size, shape.num_attention_heads * shape.head_size, shape.intermediate_size}
    shared = {shape.num_attention_heads * shape.head_size, shape.intermediate_size}
    widths = sorted(whole if tp_size == 1 else {shape.hidden_size, *(width // tp_size for width in shared)})
    legal = [size for size in _LEGAL_BLOCK_SIZES if all(width % size == 0 for width in widths)]
    if block_size not in legal:
        ranks = "" if tp_size == 1 else f" on each of {tp_size} tensor parallel ranks"
        raise ToolchainError(
            f"--awq_block_size {block_size} does not divide the input sizes {widths} of the model{ranks}; "
            f"legal sizes: {', '.join(map(str, legal)) or 'none'}"
        )


def _quantization(shape: LlamaShape, options: QuantizeOptions) -> Quantization:
    check_block_size(shape, options.awq_block_size, options.tp_size)
    return Quantization(
        quant_algo="W4A16_AWQ",
        group_size=options.awq_block_size,
        pre_quant_scale=True,
        exclude_modules=["lm_head"],
    )


def _quantize(
    linears: Mapping[str, np.ndarray], calibration: Calibration | None, options: QuantizeOptions
) -> dict[str, np.ndarray]:
    assert calibration is not None
    # Linears that share an input share the scaling, so the search sees them as one.
    rows = np.concatenate([linear.astype(np.float32) for linear in linears.values()])
    factor = _search(rows, calibration, options)
    values, scales = round_blocks(rows / factor, options.awq_block_size, _LARGEST, INT4)
    tensors = {}
    start = 0
    for name, linear in linears.items():
        part = slice(start, start + len(linear))
        tensors[f"{name}.weight"] = pack_output_rows(values[part])
        tensors[f"{name}.weights_scaling_factor"] = np.ascontiguousarray(scales[part])
        tensors[f"{name}.prequant_scaling_factor"] = cast(factor, options.dtype)
        start += len(linear)
    return tensors


def _search(rows: np.ndarray, calibration: Calibration, options: QuantizeOptions) -> np.ndarray:
    """The activations' factor [K], float32 rounded to the checkpoint's dtype, with the least squared output error."""
    magnitude = np.maximum(calibration.mean_magnitude, 1e-4)
    best, least = np.ones(rows.shape[1], np.float32), np.inf
    for exponent in _EXPONENTS:
        scaling = magnitude**exponent
        scaling /= np.sqrt(scaling.max() * scaling.min())
        # Rounded as it will be stored, before the weights are divided by it.
        factor = cast(1 / scaling, options.dtype).astype(np.float32)
        values, scales = round_blocks(rows / factor, options.awq_block_size, _LARGEST, INT4)
        error = _dequantize(values, scales) * factor
        error -= rows
        loss = float(np.square(calibration.rows @ error.T).sum(dtype=np.float64))
        if loss < least:
            best, least = factor, loss
    return best


def _dequantize(values: np.ndarray, scales: np.ndarray) -> np.ndarray:
    outputs, blocks = scales.shape
    return (values.reshape(outputs, blocks, -1) * scales[:, :, None]).reshape(values.shape)


def _tensors(shape: tuple[int, int], config: CheckpointConfig) -> dict[str, tuple[tuple[int, ...], str]]:
    outputs, inputs = shape
    return {
        "weight": ((outputs // 2, inputs), "int8"),
        "weights_scaling_factor": ((outputs, inputs // config.quantization.group_size), "float32"),
        "prequant_scaling_factor": ((inputs,), config.dtype),
    }


def _load(read: Callable[[str], np.ndarray], _config: CheckpointConfig) -> Int4Weights:
    return Int4Weights(
        values=unpack_output_rows(read("weight")),
        scales=read("weights_scaling_factor").astype(np.float32),
        input_factor=read("prequant_scaling_factor").astype(np.float32),
    )


INT4_AWQ = Format(
    qformat="int4_awq",
    quant_algo="W4A16_AWQ",
    maximum_calibration_size=32,
    quantization=_quantization,
    quantize=_quantize,
    tensors=_tensors,
    load=_load,
    repack=True,
)
