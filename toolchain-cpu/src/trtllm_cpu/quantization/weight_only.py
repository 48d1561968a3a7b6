"""What int8_wo and int4_wo have in common: one scale an output channel, found without calibration.

The weights are rounded when the engine is built (quantize.py), or when the checkpoint is written (convert_checkpoint.py
--use_weight_only), with the same result. TensorRT-LLM's converter then stores them in an order that depends on the GPU;
here they lie row by row, under its names and shapes.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from trtllm_cpu.checkpoint.config import CheckpointConfig, Quantization
from trtllm_cpu.checkpoint.dtypes import cast
from trtllm_cpu.engine.weights import LinearWeights
from trtllm_cpu.hub_model import LlamaShape
from trtllm_cpu.quantization.format import Calibration, Format, QuantizeOptions
from trtllm_cpu.quantization.full_prec import keep_weights, plain_tensors
from trtllm_cpu.quantization.rounding import INT4, INT8, pack_output_rows, round_blocks, unpack_output_rows

SCALE = "per_channel_scale"
"""The suffix of the scales in a converted checkpoint."""

_LIMITS = {8: INT8, 4: INT4}


def weight_only_format(
    qformat: str, quant_algo: str, bits: int, run: Callable[[np.ndarray, np.ndarray], LinearWeights], repack: bool
) -> Format:
    """The row of a weight-only format of 8 or 4 `bits`; `run(values, scales)` takes int8 [N, K] and float32 [N, 1]."""

    def quantization(_shape: LlamaShape, _options: QuantizeOptions) -> Quantization:
        return Quantization(quant_algo=quant_algo, exclude_modules=["lm_head"])

    def load(read: Callable[[str], np.ndarray], config: CheckpointConfig) -> LinearWeights:
        values, scales = _round(read("weight"), bits, config.dtype)
        return run(values, scales.astype(np.float32))

    def convert(
        linears: Mapping[str, np.ndarray], _calibration: Calibration | None, options: QuantizeOptions
    ) -> dict[str, np.ndarray]:
        tensors = {}
        for name, rows in linears.items():
            values, scales = _round(cast(rows, options.dtype), bits, options.dtype)
            stored = pack_output_rows(values) if bits == 4 else values
            tensors[f"{name}.weight"] = np.ascontiguousarray(stored.T)
            tensors[f"{name}.{SCALE}"] = scales[:, 0]
        return tensors

    def converted_tensors(shape: tuple[int, int], config: CheckpointConfig) -> dict[str, tuple[tuple[int, ...], str]]:
        outputs, inputs = shape
        return {"weight": ((inputs, outputs * bits // 8), "int8"), SCALE: ((outputs,), config.dtype)}

    def load_converted(read: Callable[[str], np.ndarray], _config: CheckpointConfig) -> LinearWeights:
        stored = np.ascontiguousarray(read("weight").T)
        values = unpack_output_rows(stored) if bits == 4 else stored
        return run(values, read(SCALE).astype(np.float32)[:, None])

    row = Format(
        qformat=qformat,
        quant_algo=quant_algo,
        maximum_calibration_size=0,
        quantization=quantization,
        quantize=keep_weights,
        tensors=plain_tensors,
        load=load,
        repack=repack,
    )
    return replace(row, converted=replace(row, quantize=convert, tensors=converted_tensors, load=load_converted))


def _round(rows: np.ndarray, bits: int, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Values [N, K] int8 and scales [N, 1] `dtype`, as which TensorRT-LLM keeps them.

    It divides by amax/128 or amax/8 and clips at 127 or 7: the largest positive weight of a channel may be lost by one
    step.
    """
    values, scales = round_blocks(rows.astype(np.float32), rows.shape[1], 2 ** (bits - 1), _LIMITS[bits])
    return values, cast(scales, dtype)
